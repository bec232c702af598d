#pragma once
#include <multifuse/losses/centered_distillation.hpp>
#include <multifuse/losses/coral.hpp>
#include <multifuse/losses/masked_reconstruction.hpp>
#include <multifuse/losses/mean_discrepancy.hpp>

#include "losses.hpp"

/// Losses between the streams of self-supervised models.
namespace described {

template <class D> struct two_samples {
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<3>>(5)),
                         draw.normal<D>(mf::shape<mf::batch<4>, mf::width<>>(3)));
  }
};
template <class D> struct mean_discrepancy_example : two_samples<D> {
  static constexpr std::string_view name = "mean discrepancy";
  constexpr auto operator()(const auto& x, const auto& y) const {
    return mf::mean_discrepancy(x, y) + mf::mean_discrepancy(mf::tanh(y), x, {{0.5, 2, 0, 0, 0, 0, 0}}) * 2.0;
  }
};
template <class D> struct coral_example : two_samples<D> {
  static constexpr std::string_view name = "CORAL";
  constexpr auto operator()(const auto& x, const auto& y) const { return mf::coral(x, y) + mf::coral(mf::tanh(y), x); }
};

/// The student has two views of what the teacher saw; the teacher gets no gradient.
template <class D> struct centered_distillation_example {
  static constexpr std::string_view name = "centered distillation";
  mf::centered_distillation<D, 4> loss;
  void members(auto&& visit) { visit("loss", loss); }
  auto inputs(check::source& draw) const {
    return mf::make_pack(draw.normal<D>(mf::shape<mf::batch<>, mf::width<4>>(6)));
  }
  auto operator()(const auto& student) const {
    const auto teacher = fixed<D>(mf::shape<mf::batch<3>, mf::width<4>>{});
    return loss(student, teacher, {0.7, 0.4}) + loss(mf::tanh(student), teacher);
  }
};

/// Targets have a gradient too.
template <class D> struct masked_reconstruction_example {
  static constexpr std::string_view name = "masked reconstruction";
  auto inputs(check::source& draw) const {
    const mf::shape<mf::batch<>, mf::tokens<3>, mf::width<5>> patches(2);
    return mf::make_pack(draw.normal<D>(patches), draw.normal<D>(patches));
  }
  constexpr auto operator()(const auto& predictions, const auto& pixels) const {
    const auto hidden = fixed<D>(mf::shape<mf::batch<>, mf::tokens<3>>(2));
    return mf::masked_reconstruction(predictions, mf::normalized_patches(pixels), hidden);
  }
};

}  // namespace described
