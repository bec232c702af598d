#pragma once
#include <multifuse/backend/cpu/cpu.hpp>
#include <multifuse/tape/members.hpp>

/// Two projections, a table, running statistics, a counter of whole numbers and a layer that draws random numbers.
template <class D> struct small_model {
  struct projection {
    multifuse::parameter<D, multifuse::outputs<4>, multifuse::inputs<6>> weight{multifuse::init::normal(1)};
    multifuse::parameter<D, multifuse::outputs<4>> bias{multifuse::init::normal(1)};
    constexpr void members(auto&& visit) { visit("weight", weight), visit("bias", bias); }
  };
  projection query, key;
  multifuse::parameter<D, multifuse::tokens<3>, multifuse::width<4>> table{multifuse::init::normal(1)};
  multifuse::buffer<D, multifuse::width<4>> running_mean{multifuse::init::normal(1)};
  multifuse::buffer<multifuse::rebind<D, std::int32_t>, multifuse::width<2>> counts{multifuse::init::constant(3)};
  multifuse::random_stream dropout;

  constexpr void members(auto&& visit) {
    visit("query", query);
    visit("key", key);
    visit("table", table);
    visit("running_mean", running_mean);
    visit("counts", counts);
    visit("dropout", dropout);
  }
};
