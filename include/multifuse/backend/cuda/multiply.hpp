#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <type_traits>
#include <unordered_map>

#include "column_major.hpp"
#include "memory.hpp"

namespace multifuse {

namespace detail {
inline std::atomic<bool>& tf32_switch() {
  static std::atomic<bool> allowed{false};
  return allowed;
}
}  // namespace detail

/// Lets products of float matrices round their inputs to TF32 (10 bits of mantissa), several times faster. Off at
/// first.
inline void allow_tf32(bool allowed) { detail::tf32_switch().store(allowed, std::memory_order_relaxed); }

namespace detail {

/// Owners of cuBLASLt's objects.
template <auto Destroy> struct cublas_deleter {
  template <class Object> void operator()(Object* object) const { (void)Destroy(object); }
};
template <class Handle, auto Destroy>
using cublas_owner = std::unique_ptr<std::remove_pointer_t<Handle>, cublas_deleter<Destroy>>;
using cublas_layout = cublas_owner<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using cublas_operation = cublas_owner<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using cublas_preference = cublas_owner<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

inline constexpr std::size_t largest_workspace = std::size_t(32) << 20;
inline constexpr isize largest_batch = 65535;     // of one launch
inline constexpr std::size_t most_plans = 4096;  // more mean that extents vary without end: start again

template <class T> constexpr cudaDataType_t cublas_type() {
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, float> || std::is_same_v<T, double>,
                "multifuse: cuda multiplies bf16, float and double");
  return std::is_same_v<T, bf16> ? CUDA_R_16BF : std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_64F;
}
template <class T> cublasComputeType_t cublas_compute_type(bool rounded) {
  if (std::is_same_v<T, double>) return CUBLAS_COMPUTE_64F;
  return rounded ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

/// The context of the process; lives as long as it.
inline cublasLtHandle_t cublas_handle() {
  static const cublasLtHandle_t handle = [] {
    cublasLtHandle_t created = nullptr;
    check_cublas(cublasLtCreate(&created), "cublasLtCreate");
    return created;
  }();
  return handle;
}

/// How one product is computed: descriptions of its operands, the algorithm, and the memory that it needs.
struct product_plan {
  cublas_operation operation;  ///< none for a product with an epilogue, whose operation names its memory
  cublas_layout first, second, result;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
};

inline cublasLtEpilogue_t cublas_epilogue(const product_epilogue& epilogue) {
  int bits = CUBLASLT_EPILOGUE_DEFAULT;
  if (epilogue.sums_second) return CUBLASLT_EPILOGUE_BGRADB;
  if (epilogue.applies == product_epilogue::function::relu) bits = CUBLASLT_EPILOGUE_RELU;
  if (epilogue.applies == product_epilogue::function::gelu_tanh) bits = CUBLASLT_EPILOGUE_GELU;
  if (epilogue.of_function == product_epilogue::arguments::written) bits = CUBLASLT_EPILOGUE_GELU_AUX;
  if (epilogue.of_function == product_epilogue::arguments::read) bits = CUBLASLT_EPILOGUE_DGELU;
  if (epilogue.adds_bias) bits = (bits == CUBLASLT_EPILOGUE_DEFAULT ? 0 : bits) | CUBLASLT_EPILOGUE_BIAS;
  return cublasLtEpilogue_t(bits);
}

/// The operation of a product of elements of T; `bias`, of the type of the result, is what its epilogue adds, or where it
/// puts sums, and `arguments`, of that type too, are those of its function.
template <class T>
cublas_operation make_operation(const column_major_product& p, const void* bias, const void* arguments) {
  cublasLtMatmulDesc_t created = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&created, cublas_compute_type<T>(p.rounded), cublas_type<compute_type<T>>()),
               "cublasLtMatmulDescCreate");
  cublas_operation owner(created);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(created, attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, std::int32_t(p.first.transposed ? CUBLAS_OP_T : CUBLAS_OP_N));
  set(CUBLASLT_MATMUL_DESC_TRANSB, std::int32_t(p.second.transposed ? CUBLAS_OP_T : CUBLAS_OP_N));
  if (p.epilogue.anything()) set(CUBLASLT_MATMUL_DESC_EPILOGUE, cublas_epilogue(p.epilogue));
  if (bias) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (arguments) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, arguments);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t(p.result.rows));
  }
  return owner;
}

template <class T> cublas_layout make_layout(const column_major_matrix& x, isize batch) {
  cublasLtMatrixLayout_t created = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&created, cublas_type<T>(), std::uint64_t(x.rows), std::uint64_t(x.columns),
                                          std::int64_t(x.leading)),
               "cublasLtMatrixLayoutCreate");
  cublas_layout owner(created);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    check_cublas(cublasLtMatrixLayoutSetAttribute(created, attribute, &value, sizeof value),
                 "cublasLtMatrixLayoutSetAttribute");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, std::int32_t(batch));
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, std::int64_t(x.distance));
  return owner;
}

/// Asks cuBLASLt for the algorithm it thinks best for elements of T and results of R. If it has none, a product with an
/// epilogue has no plan, and any other throws cuda_error.
template <class T, class R>
std::shared_ptr<const product_plan> make_plan(const column_major_product& p, const R* bias, const R* arguments) {
  auto plan = std::make_shared<product_plan>();
  plan->operation = make_operation<T>(p, bias, arguments);
  plan->first = make_layout<T>(p.first, p.batch);
  plan->second = make_layout<T>(p.second, p.batch);
  plan->result = make_layout<R>(p.result, p.batch);

  cublasLtMatmulPreference_t preference = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const cublas_preference owner(preference);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
                 "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t(largest_workspace));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, std::uint32_t(p.first.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, std::uint32_t(p.second.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, std::uint32_t(p.result.alignment));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::uint32_t(p.result.alignment));

  cublasLtMatmulHeuristicResult_t best{};
  int found = 0;
  const std::string asked = "batch " + std::to_string(p.batch) + ", column-major result " +
                            std::to_string(p.result.rows) + " x " + std::to_string(p.result.columns);
  const cublasStatus_t answer =
      cublasLtMatmulAlgoGetHeuristic(cublas_handle(), plan->operation.get(), plan->first.get(), plan->second.get(),
                                     plan->result.get(), plan->result.get(), preference, 1, &best, &found);
  if (p.epilogue.anything()) {
    if (answer != CUBLAS_STATUS_SUCCESS || found < 1 || best.state != CUBLAS_STATUS_SUCCESS) return nullptr;
    plan->operation.reset();
  }
  check_cublas(answer, "cublasLtMatmulAlgoGetHeuristic", asked);
  check_cublas(found > 0 ? best.state : CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic", asked);
  plan->algorithm = best.algo;
  plan->workspace = best.workspaceSize;
  return plan;
}

/// The plan for a product, made when it is first asked for; a table for each pair of types. Lives as long as the process.
template <class T, class R>
std::shared_ptr<const product_plan> find_plan(const column_major_product& p, const R* bias, const R* arguments) {
  struct table {
    std::mutex mutex;
    std::unordered_map<column_major_product, std::shared_ptr<const product_plan>, column_major_hash> plans;
  };
  static table* const known = new table;
  const std::lock_guard lock(known->mutex);
  const auto found = known->plans.find(p);
  if (found != known->plans.end()) return found->second;
  auto made = make_plan<T, R>(p, bias, arguments);
  if (known->plans.size() >= most_plans) known->plans.clear();
  return known->plans.emplace(p, std::move(made)).first->second;
}

/// One launch of a product on the current stream; `bias` and `arguments` belong to the epilogue. False if cuBLASLt has no such
/// epilogue.
template <class T, class R>
bool run_product(const column_major_product& product, compute_type<T> alpha, const T* first, const T* second,
                 compute_type<T> beta, R* result, const R* bias, const R* arguments) {
  const auto plan = find_plan<T, R>(product, bias, arguments);
  if (!plan) return false;
  const cublas_operation with_epilogue = plan->operation ? nullptr : make_operation<T>(product, bias, arguments);
  // Given back at once: what takes this memory next is later on the same stream.
  const storage<cuda_memory> workspace =
      plan->workspace ? storage<cuda_memory>(plan->workspace) : storage<cuda_memory>();
  check_cublas(cublasLtMatmul(cublas_handle(), with_epilogue ? with_epilogue.get() : plan->operation.get(), &alpha, first,
                              plan->first.get(), second, plan->second.get(), &beta, result, plan->result.get(), result,
                              plan->result.get(), &plan->algorithm, workspace.address(), plan->workspace,
                              current_stream()),
               "cublasLtMatmul");
  return true;
}

template <class T> bool rounds_products() {
  return std::is_same_v<T, float> && tf32_switch().load(std::memory_order_relaxed);
}

/// c[m, n] = alpha a b + beta c for each matrix of a batch.
template <class T, class R>
void multiply_on_device(isize batch, isize m, isize n, isize k, compute_type<T> alpha, matrix<const T> a,
                        matrix<const T> b, compute_type<T> beta, matrix<R> c) {
  enter_cuda_device();
  for (isize first = 0; first < batch; first += largest_batch) {
    const isize count = batch - first < largest_batch ? batch - first : largest_batch;
    const matrix<const T> left{a.data + first * a.distance, a.stride, a.distance, a.order};
    const matrix<const T> right{b.data + first * b.distance, b.stride, b.distance, b.order};
    const matrix<R> result{c.data + first * c.distance, c.stride, c.distance, c.order};
    column_major_product product = column_major(count, m, n, k, left, right, result);
    product.rounded = rounds_products<T>();
    run_product<T, R>(product, alpha, right.data, left.data, beta, result.data, nullptr, nullptr);
  }
}

/// c[m, n] = a b + beta c with an epilogue. False if cuBLASLt has none such; then nothing has happened. It cannot be told
/// how a bias is aligned, and may take 16 bytes for granted.
template <class T>
bool multiply_with_epilogue(isize m, isize n, isize k, matrix<const T> a, matrix<const T> b, compute_type<T> beta,
                            matrix<T> c, product_epilogue epilogue, const T* bias, const T* arguments = nullptr) {
  for (const T* address : {bias, arguments})
    if (address && alignment_of(address, 0) < 16) return false;
  enter_cuda_device();
  column_major_product product = column_major<T>(1, m, n, k, a, b, c);
  product.rounded = rounds_products<T>();
  product.epilogue = epilogue;
  return run_product<T, T>(product, 1, b.data, a.data, beta, c.data, bias, arguments);
}

}  // namespace detail

}  // namespace multifuse
