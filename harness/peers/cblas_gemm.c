// f32 matrix products of any library with a CBLAS interface, for comparison with
// BenchmarkGemm of package kernels. Reads lines "net op m n k" and prints one line per
// product in Go's benchmark format.
//
// usage: cblas_gemm NAME LIBRARY SECONDS <shapes     as in: cblas_gemm mkl libmkl_rt.so 0.1
//
// The library is loaded while the program runs, so one build serves all of
// them; exit status 3 says that it is not there. Threads: OMP_NUM_THREADS,
// MKL_NUM_THREADS, OPENBLAS_NUM_THREADS. Build: gcc -O2 cblas_gemm.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { rowMajor = 101, plain = 111, transposed = 112 };
typedef void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                      const float *b, int ldb, float beta, float *c, int ldc);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// filled is n numbers in [-0.5, 0.5), aligned to a cache line.
static float *filled(size_t n, int period) {
  float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
  if (!x) exit(1);
  for (size_t i = 0; i < n; i++) x[i] = (float)(i % period) / period - 0.5f;
  return x;
}

// measure multiplies for about that many seconds: fwd is x*w^T, dgrad dy*w, wgrad dy^T*x.
static void measure(sgemm gemm, const char *name, const char *net, const char *op, int m, int n, int k, double seconds) {
  int ta = strcmp(op, "wgrad") ? plain : transposed, tb = strcmp(op, "fwd") ? plain : transposed;
  float *a = filled((size_t)m * k, 97), *b = filled((size_t)k * n, 89), *c = filled((size_t)m * n, 83);
  long runs = -1;
  double start = 0, elapsed = 0;
  for (; runs < 1 || elapsed < seconds; runs++) {
    if (runs == 0) start = now(); // the first run warms up
    gemm(rowMajor, ta, tb, m, n, k, 1, a, ta == plain ? k : m, b, tb == plain ? n : k, 0, c, n);
    if (runs >= 0) elapsed = now() - start;
  }
  double each = elapsed / runs;
  printf("BenchmarkGemm/isa=%s/prec=f32/net=%s/op=%s/m=%d/n=%d/k=%d\t%ld\t%.0f ns/op\t%.1f GFLOP/s\n", name, net, op, m, n, k, runs,
         each * 1e9, 2.0 * m * n * k / each * 1e-9);
  fflush(stdout);
  free(a), free(b), free(c);
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: cblas_gemm NAME LIBRARY SECONDS <shapes\n"), 2;
  dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL); // MKL's threads need it and do not say so
  void *library = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
  sgemm gemm = library ? (sgemm)dlsym(library, "cblas_sgemm") : NULL;
  if (!gemm) return fprintf(stderr, "cblas_gemm: %s\n", dlerror()), 3;
  char net[32], op[32];
  for (int m, n, k; scanf("%31s %31s %d %d %d", net, op, &m, &n, &k) == 5;) measure(gemm, argv[1], net, op, m, n, k, atof(argv[3]));
  return 0;
}
