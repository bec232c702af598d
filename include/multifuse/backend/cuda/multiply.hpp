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

/// Lets products of float matrices round their inputs to TF32 (10 bits of mantissa), several times faster. Off at first.
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
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "multifuse: cuda multiplies float and double");
  return std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_64F;
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
  cublas_operation operation;
  cublas_layout first, second, result;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
};

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

/// Asks cuBLASLt for the algorithm it thinks best. Throws cuda_error if it has none.
template <class T> std::shared_ptr<const product_plan> make_plan(const column_major_product& p) {
  auto plan = std::make_shared<product_plan>();
  cublasLtMatmulDesc_t operation = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&operation, cublas_compute_type<T>(p.rounded), cublas_type<T>()),
               "cublasLtMatmulDescCreate");
  plan->operation.reset(operation);
  const auto set_order = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    const std::int32_t order = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check_cublas(cublasLtMatmulDescSetAttribute(operation, attribute, &order, sizeof order),
                 "cublasLtMatmulDescSetAttribute");
  };
  set_order(CUBLASLT_MATMUL_DESC_TRANSA, p.first.transposed);
  set_order(CUBLASLT_MATMUL_DESC_TRANSB, p.second.transposed);
  plan->first = make_layout<T>(p.first, p.batch);
  plan->second = make_layout<T>(p.second, p.batch);
  plan->result = make_layout<T>(p.result, p.batch);

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
  check_cublas(cublasLtMatmulAlgoGetHeuristic(cublas_handle(), operation, plan->first.get(), plan->second.get(),
                                              plan->result.get(), plan->result.get(), preference, 1, &best, &found),
               "cublasLtMatmulAlgoGetHeuristic", asked);
  check_cublas(found > 0 ? best.state : CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic", asked);
  plan->algorithm = best.algo;
  plan->workspace = best.workspaceSize;
  return plan;
}

/// The plan for a product, made when it is first asked for. Lives as long as the process.
template <class T> std::shared_ptr<const product_plan> find_plan(const column_major_product& p) {
  struct table {
    std::mutex mutex;
    std::unordered_map<column_major_product, std::shared_ptr<const product_plan>, column_major_hash> plans;
  };
  static table* const known = new table;
  const std::lock_guard lock(known->mutex);
  const auto found = known->plans.find(p);
  if (found != known->plans.end()) return found->second;
  auto made = make_plan<T>(p);
  if (known->plans.size() >= most_plans) known->plans.clear();
  return known->plans.emplace(p, std::move(made)).first->second;
}

/// c[m, n] = alpha a b + beta c for each matrix of a batch, on the current stream.
template <class T>
void multiply_on_device(isize batch, isize m, isize n, isize k, T alpha, matrix<const T> a, matrix<const T> b, T beta,
                        matrix<T> c) {
  enter_cuda_device();
  for (isize first = 0; first < batch; first += largest_batch) {
    const isize count = batch - first < largest_batch ? batch - first : largest_batch;
    const matrix<const T> left{a.data + first * a.distance, a.stride, a.distance, a.order};
    const matrix<const T> right{b.data + first * b.distance, b.stride, b.distance, b.order};
    const matrix<T> result{c.data + first * c.distance, c.stride, c.distance, c.order};
    column_major_product product = column_major(count, m, n, k, left, right, result);
    product.rounded = tf32_switch().load(std::memory_order_relaxed) && std::is_same_v<T, float>;
    const auto plan = find_plan<T>(product);
    // Given back at once: what takes this memory next is later on the same stream.
    const storage<cuda_memory> workspace = plan->workspace ? storage<cuda_memory>(plan->workspace) : storage<cuda_memory>();
    check_cublas(cublasLtMatmul(cublas_handle(), plan->operation.get(), &alpha, right.data, plan->first.get(), left.data,
                                plan->second.get(), &beta, result.data, plan->result.get(), result.data,
                                plan->result.get(), &plan->algorithm, workspace.address(), plan->workspace,
                                current_stream()),
                 "cublasLtMatmul");
  }
}

}  // namespace detail

}  // namespace multifuse
