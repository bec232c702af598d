#include <multifuse/train/parameter_groups.hpp>

#include <doctest/doctest.h>

#include "io/scratch_directory.hpp"
#include "two_sensors.hpp"

namespace test_train_parameter_groups {

namespace mf = multifuse;
using dev = mf::cpu<double>;
using model = two_sensors::model<dev>;
using rule_list = std::vector<mf::parameter_rule>;

namespace {

mf::parameter_factors factors(const rule_list& given, std::string_view name, std::size_t rank = 2) {
  return mf::detail::factors_of(given, name, rank);
}

std::string refusal(const rule_list& given) {
  model m;
  return message_of<mf::argument_error>([&] { mf::detail::check_rules(m, given); });
}

}  // namespace

TEST_CASE("the last rule that sets a field decides") {
  const rule_list given{{.pattern = "first.", .learning_rate = 0.1, .weight_decay = 0.5},
                        {.pattern = "*", .largest_rank = 1, .weight_decay = 0},
                        {.pattern = "first.bias", .learning_rate = 3}};
  CHECK(factors(given, "head.weight") == mf::parameter_factors{1, 1});
  CHECK(factors(given, "head.bias", 1) == mf::parameter_factors{1, 0});
  CHECK(factors(given, "first.weight") == mf::parameter_factors{0.1, 0.5});
  CHECK(factors(given, "first.bias", 1) == mf::parameter_factors{3, 0});
}

TEST_CASE("freezing and thawing by rule") {
  model m;
  mf::set_trainable(m, "head.bias", false);
  mf::detail::apply_freezing(m, {{.pattern = "first.", .frozen = true}, {.pattern = "first.bias", .frozen = false}});
  CHECK(!m.first.weight.trainable());
  CHECK(m.first.bias.trainable());
  CHECK(m.second.weight.trainable());
  CHECK(!m.head.bias.trainable());
}

TEST_CASE("every trained element finds its factors on the device") {
  model m;
  mf::initialize(m, 1);
  const rule_list given{{.pattern = "first.", .learning_rate = 0.25},
                        {.pattern = "*", .largest_rank = 1, .weight_decay = 0},
                        {.pattern = "second.weight", .frozen = true}};
  mf::detail::apply_freezing(m, given);
  const auto flat = mf::arrange<dev>(m);
  const mf::parameter_groups<dev> groups(flat, given);
  CHECK(groups.groups == 4);
  for (const auto& entry : flat.entries) {
    if (!entry.trainable) continue;
    for (mf::isize i = entry.offset; i < entry.offset + entry.count; ++i) {
      const auto group = groups.group_of_block.data()[i / 16];
      CHECK(groups.factors.data()[2 * group] == (entry.name.starts_with("first.") ? 0.25 : 1.0));
      CHECK(groups.factors.data()[2 * group + 1] == (entry.name.ends_with(".bias") ? 0.0 : 1.0));
    }
  }
}

TEST_CASE("rules that mean nothing are refused") {
  CHECK(refusal({{.pattern = "first.", .learning_rate = 0}}).empty());
  CHECK(mentions(refusal({{.pattern = "frist.", .frozen = true}}), "'frist.': matches no parameter"));
  CHECK(mentions(refusal({{.pattern = "seen", .frozen = true}}), "matches no parameter"));  // a buffer
  CHECK(mentions(refusal({{.pattern = "weight", .largest_rank = 1, .frozen = true}}), "matches no parameter"));
  CHECK(mentions(refusal({{.pattern = "first", .learning_rate = -1}}), "'first': unusable factor"));
  CHECK(mentions(refusal({{.pattern = "first", .weight_decay = std::nan("")}}), "unusable factor"));
}

}  // namespace test_train_parameter_groups
