// Matrix products of oneDNN, for comparison with BenchmarkGemm of package
// kernels. Reads the list of shapes (name, op, M, N, K) and prints one line per
// shape in Go's benchmark format.
//
// usage: dnnl_gemm SECONDS f32|bf16 plain|packed <vit.txt
//
// bf16 operands are bf16 before the clock runs, the result is float32. packed:
// b is in the layout that oneDNN prefers before the clock runs (isa=onednn-packed),
// plain: in rows as the op has it. Threads: OMP_NUM_THREADS.
// Build: g++ -O2 -std=c++17 dnnl_gemm.cc -ldnnl
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>
#include <string>

using namespace dnnl;

static engine cpu(engine::kind::cpu, 0);
static stream queue(cpu);

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// filled is memory of that layout with values in [-0.5, 0.5), converted from float32.
static memory filled(const memory::desc &d) {
  memory::dims dims = d.get_dims();
  memory plain({dims, memory::data_type::f32, memory::format_tag::ab}, cpu), m(d, cpu);
  auto *v = static_cast<float *>(plain.get_data_handle());
  for (long i = 0; i < dims[0] * dims[1]; i++) v[i] = float(i * 2654435761u % 1000003) / 1000003 - 0.5f;
  reorder(plain, m).execute(queue, plain, m);
  queue.wait();
  return m;
}

int main(int argc, char **argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: dnnl_gemm SECONDS f32|bf16 plain|packed <shapes\n"), 2;
  double seconds = std::atof(argv[1]);
  bool bf16 = !std::strcmp(argv[2], "bf16"), packed = !std::strcmp(argv[3], "packed");
  auto type = bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string net, op;
    long m, n, k;
    if (line[0] == '#' || !(in >> net >> op >> m >> n >> k)) continue;
    using dims = memory::dims;
    memory::desc a({m, k}, type, op == "wgrad" ? dims{1, m} : dims{k, 1});
    memory::desc b = packed ? memory::desc({k, n}, type, memory::format_tag::any)
                            : memory::desc({k, n}, type, op == "fwd" ? dims{1, k} : dims{n, 1});
    memory::desc c({m, n}, memory::data_type::f32, dims{n, 1});
    matmul::primitive_desc pd(cpu, a, b, c);
    matmul p(pd);
    memory am = filled(a), bm = filled(pd.weights_desc()), cm(c, cpu);
    auto once = [&] {
      p.execute(queue, {{DNNL_ARG_SRC, am}, {DNNL_ARG_WEIGHTS, bm}, {DNNL_ARG_DST, cm}});
      queue.wait();
    };
    once();
    double start = now(), elapsed = 0;
    long runs = 0;
    for (; elapsed < seconds; elapsed = now() - start, runs++) once();
    double each = elapsed / runs;
    std::printf("BenchmarkGemm/isa=onednn%s/prec=%s/op=%s/m=%ld/n=%ld/k=%ld\t%ld\t%.0f ns/op\t%.1f GFLOP/s\n",
                packed ? "-packed" : "", argv[2], op.c_str(), m, n, k, runs, each * 1e9, 2e-9 * m * n * k / each);
    std::fflush(stdout);
  }
}
