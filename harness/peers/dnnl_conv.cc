// Convolutions of oneDNN, for comparison with BenchmarkConv2D of package
// kernels. Reads the list of shapes (kernels/testdata/shapes/conv.txt) and prints
// one line per shape and direction in Go's benchmark format.
//
// usage: dnnl_conv SECONDS [OP] [bf16] <conv.txt     OP: fwd, dgrad, wgrad; all without, or if empty
//
// bf16: all operands and results but the gradient of the weights, which is f32.
//
// oneDNN chooses its layouts; the operands are in them already, weights
// included, so nothing is reordered while the clock runs. Threads: OMP_NUM_THREADS.
// Build: g++ -O2 -std=c++17 dnnl_conv.cc -ldnnl
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>
#include <string>
#include <unordered_map>

using namespace dnnl;
using tag = memory::format_tag;
using Args = std::unordered_map<int, memory>;

struct Shape {
  std::string net;
  int n, ci, h, w, co, k, s, p;
  int outH() const { return (h + 2 * p - k) / s + 1; }
  int outW() const { return (w + 2 * p - k) / s + 1; }
  double flops() const { return 2.0 * n * outH() * outW() * co * k * k * ci; }
};

static memory::data_type operands = memory::data_type::f32;
static engine cpu(engine::kind::cpu, 0);
static stream queue(cpu);

// filled is memory of that layout with values in [-0.5, 0.5).
static memory filled(const memory::desc &d) {
  memory m(d, cpu);
  bool f32 = d.get_data_type() == memory::data_type::f32;
  for (size_t i = 0; i < d.get_size() / (f32 ? 4 : 2); i++) {
    float x = float(i % 97) / 97 - 0.5f;
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (f32) static_cast<float *>(m.get_data_handle())[i] = x;
    else static_cast<uint16_t *>(m.get_data_handle())[i] = uint16_t(bits >> 16);
  }
  return m;
}

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// measure runs p for about that many seconds.
static void measure(const Shape &s, const char *op, const primitive &p, const Args &args, double seconds) {
  auto once = [&] {
    p.execute(queue, args);
    queue.wait();
  };
  once();
  double start = now(), elapsed = 0;
  long runs = 0;
  for (; elapsed < seconds; elapsed = now() - start, runs++) once();
  double each = elapsed / runs;
  std::printf("BenchmarkConv2D/isa=onednn/prec=%s/net=%s/op=%s/n=%d/ci=%d/h=%d/w=%d/co=%d/k=%d/s=%d\t%ld\t%.0f ns/op\t%.1f GFLOP/s\n",
              operands == memory::data_type::f32 ? "f32" : "bf16", s.net.c_str(), op, s.n, s.ci, s.h, s.w, s.co, s.k, s.s, runs, each * 1e9, s.flops() / each * 1e-9);
  std::fflush(stdout);
}

static void all(const Shape &s, const std::string &op, double seconds) {
  memory::desc x({s.n, s.ci, s.h, s.w}, operands, tag::any), w({s.co, s.ci, s.k, s.k}, operands, tag::any),
      y({s.n, s.co, s.outH(), s.outW()}, operands, tag::any), dw({s.co, s.ci, s.k, s.k}, memory::data_type::f32, tag::any);
  memory::dims strides{s.s, s.s}, pad{s.p, s.p};
  auto direct = algorithm::convolution_direct;
  convolution_forward::primitive_desc fwd(cpu, prop_kind::forward_training, direct, x, w, y, strides, pad, pad);
  if (op.empty() || op == "fwd")
    measure(s, "fwd", convolution_forward(fwd),
            {{DNNL_ARG_SRC, filled(fwd.src_desc())}, {DNNL_ARG_WEIGHTS, filled(fwd.weights_desc())}, {DNNL_ARG_DST, filled(fwd.dst_desc())}}, seconds);
  if (op.empty() || op == "dgrad") {
    convolution_backward_data::primitive_desc d(cpu, direct, x, w, y, strides, pad, pad, fwd);
    measure(s, "dgrad", convolution_backward_data(d),
            {{DNNL_ARG_DIFF_SRC, filled(d.diff_src_desc())}, {DNNL_ARG_WEIGHTS, filled(d.weights_desc())}, {DNNL_ARG_DIFF_DST, filled(d.diff_dst_desc())}}, seconds);
  }
  if (op.empty() || op == "wgrad") {
    convolution_backward_weights::primitive_desc d(cpu, direct, x, dw, y, strides, pad, pad, fwd);
    measure(s, "wgrad", convolution_backward_weights(d),
            {{DNNL_ARG_SRC, filled(d.src_desc())}, {DNNL_ARG_DIFF_WEIGHTS, filled(d.diff_weights_desc())}, {DNNL_ARG_DIFF_DST, filled(d.diff_dst_desc())}}, seconds);
  }
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? std::atof(argv[1]) : 0.1;
  std::string op = argc > 2 ? argv[2] : "";
  if (argc > 3 && std::string(argv[3]) == "bf16") operands = memory::data_type::bf16;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line.substr(0, line.find('#')));
    Shape s;
    if (in >> s.net >> s.n >> s.ci >> s.h >> s.w >> s.co >> s.k >> s.s >> s.p) all(s, op, seconds);
  }
}
