// A fusion architecture of your own: write the forward pass, the backward pass follows.
#include <cstdio>
#include <multifuse/multifuse.hpp>
namespace mf = multifuse;

template <class D> struct my_fusion {
  mf::transformer_block<D, 32, 4> watch, listen;
  mf::cross_attention<D, 32, 4> mix;  // queries from one stream, keys and values from the other
  mf::linear<D, 32, 10> head;

  constexpr auto operator()(const auto& video, const auto& audio) const {
    auto v = watch(video), a = listen(audio);
    return head(mf::mean<mf::tokens_axis>(v + mix(v, a)));  // `v + ...` is a lazy expression, one pass over memory
  }
  constexpr void members(auto&& visit) {  // names for checkpoints, and what an optimizer trains
    visit("watch", watch);
    visit("listen", listen);
    visit("mix", mix);
    visit("head", head);
  }
};

int main() {
  using dev = mf::cpu<float>;
  using clip = mf::shape<mf::batch<>, mf::tokens<>, mf::width<32>>;
  static_assert(mf::parameter_count<my_fusion<dev>> == 29'962);

  my_fusion<dev> model;
  mf::initialize(model, 1);
  const auto video = mf::zeros<dev>(clip(2, 12)), audio = mf::zeros<dev>(clip(2, 30));
  const auto logits = model(video, audio);  // tensors: inference, nothing is recorded

  mf::tape tape;  // variables: everything is recorded
  const auto loss = mf::mean(mf::square(model(mf::record(tape, video), mf::record(tape, audio)) - 1.0));
  mf::backward(loss);
  const auto gradient = model.mix.query.weight.gradient();
  std::printf("%td logits, loss %g, %td gradients of the query weights\n", logits.size(), loss.value().to_host()[0],
              gradient.size());
}
