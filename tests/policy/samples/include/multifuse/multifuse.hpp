#pragma once
/// Stands in for the library where the document check itself is tested.
namespace multifuse {
struct sample {
  int value = 1;
};
}  // namespace multifuse
