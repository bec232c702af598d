// goldens: xkd_loss
#include <golden/xkd_loss.hpp>
#include <multifuse/losses/coral.hpp>

#include "xkd_support.hpp"

namespace {

namespace mf = multifuse;
using D = mf::cpu<float>;
using config = golden::xkd_loss::config;
using precise = golden::xkd_loss::fp64;
using outputs = mf::shape<mf::batch<>, mf::width<config::D>>;
using patches = mf::shape<mf::batch<>, mf::tokens<>, mf::width<config::Df>>;

outputs rows_of(const golden::file& file, const std::string& name) {
  return outputs(file.contents().at(name).shape[0]);
}
void leave(golden::file& file, std::initializer_list<std::string_view> prefixes) {
  for (const auto& prefix : prefixes) file.set_aside(prefix, "in the other test cases");
}

}  // namespace

TEST_CASE("distillation with a running center") {
  golden::file file(golden::xkd_loss::path);
  mf::centered_distillation<D, config::D> distillation;
  mf::initialize(distillation, 1);
  distillation.momentum = config::kd_center_momentum;
  distillation.center.bind(file.tensor<D>("input.kd.center", mf::shape<mf::width<config::D>>{}));
  mf::tape tape;
  const auto student = mf::watch(tape, file.tensor<D>("input.kd.student", outputs(config::B * config::student_views)));
  const auto teacher = file.tensor<D>("input.kd.teacher", outputs(config::B));
  const auto loss = distillation(student, teacher, {config::kd_student_temp, config::kd_teacher_temp});
  file.expect("loss.kd", loss, golden::loss_tolerance);
  mf::backward(loss);
  file.expect("grad.input.kd.student", student.gradient(), golden::gradient_tolerance);
  distillation.update(teacher);
  file.expect("output.kd.center_after", distillation.center.value(), golden::output_tolerance);
  leave(file, {"input.m", "input.r", "loss.m", "loss.c", "loss.r", "grad.input.m", "grad.input.c", "grad.input.r"});
  leave(file, {"output.m", "output.r"});
  file.require_all_used();
}

TEST_CASE("discrepancies of two samples") {
  golden::file file(golden::xkd_loss::path);
  const auto check = [&](const std::string& name, double error, double exact, const auto& loss_of) {
    mf::tape tape;
    const auto sample = [&]<class T>(T*, const std::string& which) {
      return mf::watch(tape, file.tensor<mf::cpu<T>>("input.mmd." + which, rows_of(file, "input.mmd." + which)));
    };
    const auto compare = [&](const auto& x, const auto& y, const auto& precise_x, const auto& precise_y) {
      mf::backward(loss_of(precise_x, precise_y));
      const auto loss = loss_of(x, y);
      golden_xkd::check_discrepancy(file, "loss." + name, loss, exact, error);
      mf::backward(loss);
      const auto gradient = [&](const std::string& which, const auto& single, const auto& precise) {
        const auto reference = precise.gradient().to_host();
        const auto ours = single.gradient().to_host();
        const double largest = golden::largest(std::vector<float>(reference.begin(), reference.end()));
        for (std::size_t i = 0; i < ours.size(); ++i)
          CHECK(std::abs(double(ours[i]) - reference[i]) <= golden::gradient_tolerance * largest);
        const double count = double(single.dims()[0]), most = golden::largest(file.values("input.mmd." + which));
        const double rounding = name == "mmd" ? golden_xkd::discrepancy_gradient_error(count, most) : 0;
        file.expect("grad.input." + name + "." + which, single.gradient(), golden::gradient_tolerance,
                    largest + rounding / golden::gradient_tolerance);
      };
      gradient("x", x, precise_x), gradient("y", y, precise_y);
    };
    compare(sample(static_cast<float*>(nullptr), "x"), sample(static_cast<float*>(nullptr), "y"),
            sample(static_cast<double*>(nullptr), "x"), sample(static_cast<double*>(nullptr), "y"));
  };
  double squared_length = 0;  // of the longest row
  for (const std::string which : {"input.mmd.x", "input.mmd.y"}) {
    const auto values = file.values(which);
    for (std::size_t first = 0; first < values.size(); first += std::size_t(config::D)) {
      double sum = 0;
      for (std::size_t i = first; i < first + std::size_t(config::D); ++i) sum += double(values[i]) * double(values[i]);
      squared_length = std::max(squared_length, sum);
    }
  }
  check("mmd", golden_xkd::discrepancy_error(config::B, squared_length), precise::mmd,
        [](const auto& x, const auto& y) { return mf::mean_discrepancy(x, y); });
  check("coral", 0, precise::coral, [](const auto& x, const auto& y) { return mf::coral(x, y); });
  leave(file, {"input.k", "input.ma", "input.r", "loss.k", "loss.r", "grad.input.k", "grad.input.r", "output."});
  file.require_all_used();
}

TEST_CASE("reconstruction, masks from noise, refinement by attention") {
  golden::file file(golden::xkd_loss::path);
  const auto shape_of = [&](const std::string& name) {
    const auto& s = file.contents().at(name).shape;
    return patches(s[0], s[1]);
  };
  const auto target = file.tensor<D>("input.recon.target", shape_of("input.recon.target"));
  const mf::shape<mf::batch<>, mf::tokens<>> places(target.dims()[0], target.dims()[1]);
  const auto hidden = file.tensor<D>("input.recon.mask", places);
  for (const std::string kind : {"norm", "raw"}) {
    mf::tape tape;
    const auto prediction = mf::watch(tape, file.tensor<D>("input.recon.pred", target.dims()));
    const auto aim = kind == "norm" ? mf::normalized_patches(target) : target;
    const auto loss = mf::masked_reconstruction(prediction, aim, hidden);
    file.expect("loss.recon_" + kind, loss, golden::loss_tolerance);
    mf::backward(loss);
    file.expect("grad.input.recon_" + kind + ".pred", prediction.gradient(), golden::gradient_tolerance);
  }

  const auto& noisy = file.contents().at("input.mask.x").shape;
  const mf::shape<mf::batch<>, mf::tokens<>, mf::width<>> all(noisy[0], noisy[1], noisy[2]);
  const mf::shape<mf::batch<>, mf::tokens<>> each(noisy[0], noisy[1]);
  const auto masking =
      mf::mask_by_noise(file.tensor<D>("input.mask.noise", each), mf::visible_tokens(noisy[1], config::mask_ratio));
  file.expect("output.mask.kept", mf::visible_part(file.tensor<D>("input.mask.x", all), masking), 0);
  file.expect("output.mask.mask", masking.hidden, 0);
  golden_xkd::check_places(file, "output.mask.ids_restore", masking);

  using attention = mf::shape<mf::batch<>, mf::heads<config::H>, mf::keys<>>;
  const auto vid = file.tensor<D>("input.refine.vid", shape_of("input.refine.vid"));
  const auto aud = file.tensor<D>("input.refine.aud", shape_of("input.refine.aud"));
  const auto looks = file.tensor<D>("input.refine.vid_attn", attention(config::B, config::Nv));
  const auto listens = file.tensor<D>("input.refine.aud_attn", attention(config::B, config::Na));
  for (const auto mode : {mf::refinement::ratio, mf::refinement::softmax}) {
    const std::string name = std::string("output.refine.") + (mode == mf::refinement::ratio ? "mean" : "softmax");
    const auto v = mf::refine_by_attention(vid, looks, listens, mode);
    const auto a = mf::refine_by_attention(aud, listens, looks, mode);
    file.expect(name + ".vid", v.tokens, golden::output_tolerance);
    file.expect(name + ".vid_attn", v.weights, golden::output_tolerance);
    file.expect(name + ".aud", a.tokens, golden::output_tolerance);
    file.expect(name + ".aud_attn", a.weights, golden::output_tolerance);
  }
  leave(file, {"input.k", "input.mm", "loss.k", "loss.m", "loss.c", "grad.input.k", "grad.input.m", "grad.input.c"});
  leave(file, {"output.k"});
  file.require_all_used();
}
