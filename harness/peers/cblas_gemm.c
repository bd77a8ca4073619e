// Matrix products of a BLAS (MKL, OpenBLAS), for comparison with BenchmarkGemm
// of package kernels. Reads the list of shapes (kernels/testdata/shapes/vit.txt:
// name, op, M, N, K) and prints one line per shape in Go's benchmark format.
//
// usage: cblas_gemm LIBRARY NAME SECONDS <vit.txt     NAME: as isa= of the rows
//
// LIBRARY is loaded when the program runs, so that nothing but a C compiler is
// needed to build it: cc -O2 cblas_gemm.c -ldl. Threads: the library's own variables.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void (*sgemm_t)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
enum { rowMajor = 101, noTrans = 111, trans = 112 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// filled is n numbers in [-0.5, 0.5), on a cache line.
static float *filled(long n) {
  float *x = aligned_alloc(64, (n * 4 + 63) / 64 * 64);
  if (!x) abort();
  for (long i = 0; i < n; i++) x[i] = (float)(i * 2654435761u % 1000003) / 1000003 - 0.5f;
  return x;
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: cblas_gemm LIBRARY NAME SECONDS <shapes\n"), 2;
  void *lib = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
  sgemm_t sgemm = lib ? (sgemm_t)dlsym(lib, "cblas_sgemm") : NULL;
  if (!sgemm) return fprintf(stderr, "%s: %s\n", argv[1], dlerror()), 1;
  double seconds = atof(argv[3]);
  char line[256], net[64], op[64];
  while (fgets(line, sizeof line, stdin)) {
    int m, n, k;
    if (line[0] == '#' || sscanf(line, "%63s %63s %d %d %d", net, op, &m, &n, &k) != 5) continue;
    float *a = filled((long)m * k), *b = filled((long)k * n), *c = filled((long)m * n);
    int ta = !strcmp(op, "wgrad"), tb = !strcmp(op, "fwd");
    double start = 0, elapsed = 0;
    long runs = -1; // the first is not timed
    do {
      if (runs == 0) start = now();
      sgemm(rowMajor, ta ? trans : noTrans, tb ? trans : noTrans, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
      if (++runs > 0) elapsed = now() - start;
    } while (runs < 1 || elapsed < seconds);
    double each = elapsed / runs;
    printf("BenchmarkGemm/isa=%s/prec=f32/op=%s/m=%d/n=%d/k=%d\t%ld\t%.0f ns/op\t%.1f GFLOP/s\n", argv[2], op, m, n, k, runs, each * 1e9, 2e-9 * m * n * k / each);
    fflush(stdout);
    free(a), free(b), free(c);
  }
}
