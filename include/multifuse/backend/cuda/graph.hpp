#pragma once
#include <exception>

#include "captured.hpp"
#include "multiply.hpp"

namespace multifuse {

namespace detail {

/// Work on the current stream as a CUDA graph, with the memory that it uses. Throws cuda_error.
class cuda_graph {
 public:
  cuda_graph() = default;
  cuda_graph(const cuda_graph&) = delete;
  cuda_graph& operator=(const cuda_graph&) = delete;
  ~cuda_graph() { forget(); }

  /// Calls `work` and keeps what it gives to the device, without doing it. Work that waits for the device, or copies
  /// between device and host, cannot be kept.
  template <class Work> void record(const Work& work) {
    forget();
    const cuda_stream_guard own_stream(stream_);  // the default stream cannot be recorded
    synchronize();  // memory of what was done before may be released meanwhile
    cudaGraph_t graph = nullptr;
    {
      const memory_reservation<cuda_memory>::opened reserved(memory_);
      const recording now(stream_.handle());
      std::exception_ptr failure;
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      const cudaError_t ended = now.end(graph);
      if (ended != cudaSuccess && graph) (void)cudaGraphDestroy(graph);
      if (failure) {
        if (ended == cudaSuccess) (void)cudaGraphDestroy(graph);
        std::rethrow_exception(failure);
      }
      check_cuda(ended, "cudaStreamEndCapture",
                 "a captured pass must not wait for the device or copy from or to the host");
    }
    const cudaError_t made = cudaGraphInstantiate(&executable_, graph, 0);
    (void)cudaGraphDestroy(graph);
    check_cuda(made, "cudaGraphInstantiate");
  }

  void replay() {
    enter_cuda_device();
    check_cuda(cudaGraphLaunch(executable_, current_stream()), "cudaGraphLaunch");
  }

  void forget() noexcept {
    if (executable_) {
      (void)cudaStreamSynchronize(current_stream());  // it may be running
      (void)cudaGraphExecDestroy(std::exchange(executable_, nullptr));
    }
    memory_.release();
  }

  /// Products are recorded as rounded or not, independent streams as concurrent or not.
  static isize setting() {
    return isize(tf32_switch().load(std::memory_order_relaxed)) + 2 * isize(cuda_queues::at_once());
  }

 private:
  /// A stream that records while this lives.
  class recording {
   public:
    explicit recording(cudaStream_t stream) : stream_(stream) {
      // relaxed: memory may be asked for meanwhile
      check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
      recording_switch().store(true, std::memory_order_release);
    }
    recording(const recording&) = delete;
    recording& operator=(const recording&) = delete;
    ~recording() { recording_switch().store(false, std::memory_order_release); }

    cudaError_t end(cudaGraph_t& graph) const {
      const cudaError_t code = cudaStreamEndCapture(stream_, &graph);
      if (code != cudaSuccess) (void)cudaGetLastError();
      return code;
    }

   private:
    cudaStream_t stream_;
  };

  cuda_stream stream_;
  cudaGraphExec_t executable_ = nullptr;
  memory_reservation<cuda_memory> memory_;
};

}  // namespace detail

/// A pass whose launches are recorded as one CUDA graph, so that a call costs one launch: for passes of many small
/// kernels. The first call does the pass and records it; later ones copy their inputs and replay it. It is recorded
/// again when an extent of an input, `allow_tf32` or `allow_concurrent_streams` changes. Its memory stays reserved while
/// it lives.
/// The pass is called with tensors and must give the same work to the device every time: a model in inference, or a
/// whole training step (restart the tape, clear gradients, forward, backward, update). What the host computes in it is
/// done when it is recorded, not when it is replayed: random numbers repeat, and a learning rate stays what it was. It
/// must not read values (`to_host`); checks of values happen at the first call only. What it uses must stay where it
/// is: after `arrange` or `bind`, call `forget`. Not to be recorded while other threads compute. Throws cuda_error, and
/// what the pass throws.
template <class Pass, class... X> using captured = detail::captured_pass<detail::cuda_graph, Pass, X...>;

/// A model, or another pass, that lives elsewhere.
template <class Model> struct pass_of {
  Model* model;
  template <class... X> decltype(auto) operator()(const X&... inputs) const { return (*model)(inputs...); }
};

/// A model in inference, or any other pass, as one graph for inputs of these types; see `captured`. The model must
/// outlive it. Example: `auto fast = capture(model, x); const auto& y = fast(x);`
template <class Model, class D, class... S>
captured<pass_of<Model>, tensor<D, S>...> capture(Model& model, const tensor<D, S>&...) {
  return captured<pass_of<Model>, tensor<D, S>...>(pass_of<Model>{&model});
}

}  // namespace multifuse
