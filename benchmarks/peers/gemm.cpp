// Products of matrices as contestants, and the limit that they are measured against:
//   benchmark_peers_gemm multifuse|eigen linear/ROWSxINNERxCOLUMNS               x w^T, as a linear layer computes it
//   benchmark_peers_gemm multifuse|eigen scores|values/BATCHxROWSxINNERxCOLUMNS  q k^T and p v of attention
//   benchmark_peers_gemm peak THREADS                                           multiply-adds in registers
#include <Eigen/Core>
#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/core/error.hpp>
#include <sstream>
#include <thread>

#include "fma_peak.hpp"
#include "worker.hpp"

namespace {

namespace mf = multifuse;
using mf::isize;
using dev = mf::cpu<float>;

/// batch times c[rows, columns] = a[rows, inner] b, where b is [inner, columns] or, `transposed`, [columns, inner].
struct product_shape {
  isize batch = 1, rows = 0, inner = 0, columns = 0;
  bool transposed = true, linear = false;

  /// Throws argument_error for a text that is none of those above.
  explicit product_shape(const std::string& text) {
    const auto slash = text.find('/');
    const std::string kind = text.substr(0, slash);
    std::vector<isize> numbers;
    std::istringstream input(slash == std::string::npos ? "" : text.substr(slash + 1));
    for (std::string number; std::getline(input, number, 'x');) numbers.push_back(std::max(0, std::atoi(number.c_str())));
    const std::size_t wanted = kind == "linear" ? 3 : kind == "scores" || kind == "values" ? 4 : 0;
    if (numbers.size() != wanted || wanted == 0 || std::count(numbers.begin(), numbers.end(), 0))
      throw mf::argument_error("benchmark_peers_gemm", "unusable product", "such as linear/196x768x768", text);
    if (wanted == 4) batch = numbers[0];
    rows = numbers[wanted - 3], inner = numbers[wanted - 2], columns = numbers[wanted - 1];
    transposed = kind != "values";
    linear = kind == "linear";
  }
};

/// Operands and what is common to both ways of computing the product.
struct product : peers::contestant {
  explicit product(const product_shape& shape)
      : s(shape), a(numbers(s.batch * s.rows * s.inner)), b(numbers(s.batch * s.inner * s.columns)),
        c(std::size_t(s.batch * s.rows * s.columns)) {}
  std::vector<float> output() override { return call(), c; }

  static std::vector<float> numbers(isize count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = float(i * 7919 % 257) / 128 - 1;
    return values;
  }

  product_shape s;
  std::vector<float> a, b, c;
};

/// A linear layer has its weights packed, as ONNX Runtime and a frozen model of PyTorch have them.
struct our_product : product {
  explicit our_product(const product_shape& shape) : product(shape) {
    if (!s.linear) return;
    packed.resize(std::size_t(dev::packed_size(s.columns, s.inner)));
    dev::pack(packed.data(), s.columns, s.inner, b.data());
  }
  void call() override {
    if (s.linear)
      return dev::linear<void>(s.rows, s.columns, s.inner, a.data(), b.data(), packed.data(), nullptr, c.data());
    const auto order = s.transposed ? mf::layout::transposed : mf::layout::plain;
    dev::multiply(s.batch, s.rows, s.columns, s.inner, 1.0f, {a.data(), s.inner, s.rows * s.inner},
                  {b.data(), s.transposed ? s.inner : s.columns, s.inner * s.columns, order}, 0.0f,
                  {c.data(), s.columns, s.rows * s.columns});
  }

  std::vector<float> packed;
};

struct eigen_product : product {
  using product::product;
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  void call() override {
    for (isize i = 0; i < s.batch; ++i) {
      const Eigen::Map<const matrix> left(a.data() + i * s.rows * s.inner, s.rows, s.inner);
      Eigen::Map<matrix> result(c.data() + i * s.rows * s.columns, s.rows, s.columns);
      const float* const right = b.data() + i * s.inner * s.columns;
      if (s.transposed)
        result.noalias() = left * Eigen::Map<const matrix>(right, s.columns, s.inner).transpose();
      else
        result.noalias() = left * Eigen::Map<const matrix>(right, s.inner, s.columns);
    }
  }
};

/// Multiply-adds in registers of all threads at once.
struct peak : peers::contestant {
  static constexpr long turns = 1'000'000;
  explicit peak(int number) : threads(number), results(std::size_t(number)) {}
  void call() override {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back([this, i] { results[std::size_t(i)] = loop.run(turns); });
    results[0] = loop.run(turns);
    for (auto& other : others) other.join();
  }
  std::vector<float> output() override { return call(), results; }

  peers::fma_loop loop = peers::widest_fma_loop();
  int threads;
  std::vector<float> results;
};

}  // namespace

int main(int count, char** arguments) try {
  const std::string who = count == 3 ? arguments[1] : "";
  if (who == "peak") {
    peak one(std::clamp(std::atoi(arguments[2]), 1, 1024));
    return peers::serve(one, "{\"memory\": 0, \"flops\": " + std::to_string(one.loop.flops_a_turn * peak::turns * one.threads) +
                                 ", \"version\": \"" + std::string(one.loop.instructions) + "\"}");
  }
  if (who != "multifuse" && who != "eigen") {
    std::fprintf(stderr, "benchmark_peers_gemm: expected multifuse|eigen PRODUCT or peak THREADS\n");
    return 2;
  }
  const product_shape shape(arguments[2]);
  std::unique_ptr<product> one;
  if (who == "eigen")
    one = std::make_unique<eigen_product>(shape);
  else
    one = std::make_unique<our_product>(shape);
  std::string version = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                        std::to_string(EIGEN_MINOR_VERSION);
  if (who == "multifuse") version = "";
  return peers::serve(*one, "{\"memory\": 0, \"version\": \"" + version + "\"}");
} catch (const std::exception& problem) {
  std::fprintf(stderr, "benchmark_peers_gemm: %s\n", problem.what());
  return 1;
}
