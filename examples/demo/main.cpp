#include <iostream>

#include "comparison.hpp"
#include "multifuse/core/error.hpp"
#include "multifuse/train/progress.hpp"
#include "support/find_data.hpp"

namespace demo {
struct video_only;
struct audio_only;
struct late;
struct shared_weights;
struct early;
struct mid;
struct cross_attention;
struct bottleneck;
struct latent_adapter;

namespace {

int run(const program_options& options) {
  const double start = multifuse::steady_seconds();
  const auto location = examples::find_data({.requested = options.data}, std::cout);
  const double begin = location.kind == examples::data_kind::folder ? start : multifuse::steady_seconds();
  const task data = load_task(location, {.quick = options.quick, .held_out = options.held_out});
  std::cout << "task: " << data.description << "\n  " << data.pool.takes.size() << " takes of " << data.pool.labels.size()
            << " training clips, " << data.conditions[0].clips.size << " test clips, "
            << int(multifuse::steady_seconds() - begin) << " s to load" << std::endl;

  const std::vector<experiment> experiments{
      experiment_with<video_only>(), experiment_with<audio_only>(), experiment_with<late>(),
      experiment_with<shared_weights>(), experiment_with<early>(), experiment_with<mid>(),
      experiment_with<cross_attention>(), experiment_with<bottleneck>(), experiment_with<latent_adapter>()};
  const double left = 60 * options.minutes - (multifuse::steady_seconds() - begin);
  comparison found = compare(data, experiments, options, left, std::cout);
  found.seconds = multifuse::steady_seconds() - begin;
  print_table(found, std::cout);
  write_page(found, options, location.description);
  std::cout << "report: " << options.out.string() << " (" << int(found.seconds) << " s in all)" << std::endl;
  return 0;
}

}  // namespace
}  // namespace demo

int main(int count, char** arguments) {
  try {
    const demo::program_options options = demo::parse({arguments + 1, arguments + count});
    if (options.help) {
      std::cout << demo::usage();
      return 0;
    }
    return demo::run(options);
  } catch (const multifuse::argument_error& error) {
    std::cerr << "demo: " << error.what() << "\n" << demo::usage();
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "demo: " << error.what() << "\n";
    return 1;
  }
}
