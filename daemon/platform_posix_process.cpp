// What Linux tells of a process (proc(5)).
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "api/metrics.hpp"
#include "platform.hpp"

namespace gald::daemon {

namespace {

/// Fields of /proc/self/stat by their numbers in proc(5); the name of the program, which is the
/// second one, may have spaces in it.
class Stat {
 public:
  Stat() {
    std::ifstream file("/proc/self/stat");
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    const std::size_t end_of_name = line.rfind(')');
    if (end_of_name == std::string::npos)
      return;
    std::istringstream rest(line.substr(end_of_name + 1));
    std::string state;
    rest >> state;
    fields_.assign(std::istream_iterator<double>(rest), {});
  }

  double field(std::size_t number) const {
    return number - 4 < fields_.size() ? fields_[number - 4] : 0;
  }

 private:
  std::vector<double> fields_;
};

std::uint64_t count_open_files() {
  std::error_code unknown;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", unknown), end; it != end && !unknown;
       it.increment(unknown))
    ++count;
  return count == 0 ? 0 : count - 1;  // one of them is for looking
}

/// Seconds since 1970.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;)
    if (double seconds = 0; word == "btime" && file >> seconds)
      return seconds;
  return 0;
}

}  // namespace

api::ProcessFigures process_figures() {
  const Stat stat;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  api::ProcessFigures figures;
  figures.cpu_seconds = (stat.field(14) + stat.field(15)) / ticks;
  figures.threads = static_cast<std::uint64_t>(stat.field(20));
  figures.virtual_bytes = static_cast<std::uint64_t>(stat.field(23));
  figures.resident_bytes = static_cast<std::uint64_t>(stat.field(24)) *
                           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::chrono::duration<double> started(boot_time() + stat.field(22) / ticks);
  figures.started = base::TimePoint(std::chrono::duration_cast<std::chrono::milliseconds>(started));
  figures.open_files = count_open_files();

  struct rlimit limit {};

  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    figures.most_open_files = limit.rlim_cur;
  return figures;
}

}  // namespace gald::daemon
