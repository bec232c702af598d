#include <multifuse/core/error.hpp>
#include <multifuse/core/types.hpp>
#include <string_view>

int main() {
  try {
    throw multifuse::shape_error("consumer", "wrong extent", "4", "5");
  } catch (const multifuse::error& refused) {
    return std::string_view(refused.what()).find("expected 4; got 5") == std::string_view::npos;
  }
}
