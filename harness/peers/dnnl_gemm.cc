// Matrix products of oneDNN, for comparison with BenchmarkGemm of package kernels.
// Reads lines "net op m n k" and prints one line per product in Go's benchmark format.
//
// usage: dnnl_gemm SECONDS f32|bf16 plain|packed <shapes
//
// Operands lie in memory as ours do. bf16 operands are bf16 already when the
// clock starts, and the result is f32; packed leaves the layout of the weights
// to oneDNN, which has them in it before the clock starts. Threads: OMP_NUM_THREADS.
// Build: g++ -O2 -std=c++17 dnnl_gemm.cc -ldnnl
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>
#include <string>

using namespace dnnl;
using tag = memory::format_tag;
using type = memory::data_type;

static engine cpu(engine::kind::cpu, 0);
static stream queue(cpu);

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// filled is memory of that layout with values in [-0.5, 0.5).
static memory filled(const memory::desc &d, type t, int period) {
  memory m(d, cpu);
  size_t n = d.get_size() / (t == type::f32 ? 4 : 2);
  for (size_t i = 0; i < n; i++) {
    float x = float(i % period) / period - 0.5f;
    if (t == type::f32) {
      static_cast<float *>(m.get_data_handle())[i] = x;
      continue;
    }
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    static_cast<uint16_t *>(m.get_data_handle())[i] = uint16_t(bits >> 16);
  }
  return m;
}

static void measure(const std::string &net, const std::string &op, int m, int n, int k, double seconds, type t, bool packed) {
  tag order = op == "fwd" ? tag::ba : tag::ab; // of the second operand
  memory::desc x({m, k}, t, op == "wgrad" ? tag::ba : tag::ab), plain({k, n}, t, order), y({m, n}, type::f32, tag::ab);
  matmul::primitive_desc d(cpu, x, packed ? memory::desc({k, n}, t, tag::any) : plain, y);
  memory a = filled(x, t, 97), b = filled(plain, t, 89), c(d.dst_desc(), cpu);
  if (d.weights_desc() != plain) {
    memory moved(d.weights_desc(), cpu);
    reorder(b, moved).execute(queue, b, moved);
    queue.wait();
    b = moved;
  }
  matmul product(d);
  auto once = [&] {
    product.execute(queue, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
    queue.wait();
  };
  once();
  long runs = 0;
  double start = now(), elapsed = 0;
  for (; elapsed < seconds; elapsed = now() - start, runs++) once();
  double each = elapsed / runs;
  std::printf("BenchmarkGemm/isa=onednn%s/prec=%s/net=%s/op=%s/m=%d/n=%d/k=%d\t%ld\t%.0f ns/op\t%.1f GFLOP/s\n", packed ? "-packed" : "",
              t == type::f32 ? "f32" : "bf16", net.c_str(), op.c_str(), m, n, k, runs, each * 1e9, 2.0 * m * n * k / each * 1e-9);
  std::fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: dnnl_gemm SECONDS f32|bf16 plain|packed <shapes\n");
    return 2;
  }
  type t = std::string(argv[2]) == "bf16" ? type::bf16 : type::f32;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string net, op;
    int m, n, k;
    if (in >> net >> op >> m >> n >> k) measure(net, op, m, n, k, std::atof(argv[1]), t, std::string(argv[3]) == "packed");
  }
}
