// What differs between operating systems and service managers. platform_posix.cpp is the only
// implementation so far.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gald::api {
struct ProcessFigures;
}

namespace gald::daemon {

/// What has to be settled before anything else runs and before there is a second thread.
void prepare_process();

// --- the service manager ---------------------------------------------------------------------

/// Tells systemd (sd_notify(3)): "READY=1", "STATUS=...", "STOPPING=1", "WATCHDOG=1". Does nothing
/// where nobody listens.
void notify_service_manager(std::string_view state);

/// How long the service manager waits for "WATCHDOG=1" before it restarts us; nothing when it does
/// not wait for it.
std::optional<std::chrono::milliseconds> watchdog_limit();

/// The folder in which the service manager hands over secrets (LoadCredential=); may be empty.
std::filesystem::path credentials_folder();

// --- this process ----------------------------------------------------------------------------

/// What it uses; zero where the operating system does not say.
api::ProcessFigures process_figures();

// --- signals ---------------------------------------------------------------------------------

/// Holds SIGTERM, SIGINT and SIGHUP back until a Signals takes them. REQUIRES: no other thread yet,
/// as it would still be hit by them.
void hold_signals();

/// Turns the signals that were held back into calls from a thread of its own, where they may do
/// what a signal handler may not. REQUIRES: hold_signals().
class Signals {
 public:
  struct Handlers {
    std::function<void()> stop;          ///< SIGTERM, SIGINT
    std::function<void()> hang_up = {};  ///< SIGHUP; empty: it means stop too
    std::function<void()> tick = {};     ///< every `every`
    std::chrono::milliseconds every{0};  ///< 0: no ticks
  };

  explicit Signals(Handlers handlers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// --- files and terminals ---------------------------------------------------------------------

/// Whether this process may create and change files in the folder; the reason if not.
std::optional<std::string> not_writable(const std::filesystem::path& folder);

/// Lets this process have so many files and connections open, as far as the system allows.
void allow_open_files(std::size_t count);

bool group_exists(const std::string& group);

/// Whether this process may give its files to the group.
bool may_give_to_group(const std::string& group);

/// Makes the file one of the group, unless it is; a file that is not there is left out. Throws
/// std::runtime_error.
void give_to_group(const std::filesystem::path& file, const std::string& group);

enum class Stream { out, error };
bool is_terminal(Stream stream);

/// Columns of the terminal; nothing when there is none.
std::optional<std::size_t> terminal_width(Stream stream);

/// Cells of a terminal that a character takes: 0, 1 or 2. Negative: it is not printable.
int cell_width(char32_t character);

}  // namespace gald::daemon
