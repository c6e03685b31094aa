// The command line as values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "api/principal.hpp"
#include "export/format.hpp"
#include "index/feed.hpp"
#include "index/history.hpp"
#include "index/reader.hpp"

namespace gald::daemon {

/// How gald ends; documented in docs/operations.md.
namespace exit_code {
inline constexpr int kComplete = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadUsage = 2;
inline constexpr int kPartial = 3;
inline constexpr int kBadConfiguration = 4;
inline constexpr int kReadEverything =
    5;  ///< a position in the feed is too old, or of another index
}  // namespace exit_code

struct RunCommand {};

struct SyncCommand {
  bool json = false;
  bool quiet = false;
};

struct StatusCommand {
  bool groups = false;  ///< all of them, with their sizes
  bool json = false;
};

struct ListCommand {
  index::ContactFilter filter;
  std::optional<base::TimePoint> at;  ///< nothing: now
  bool json = false;
};

struct SearchCommand {
  index::SearchQuery query;
  bool json = false;
};

struct ShowCommand {
  std::string what;                   ///< an id, an address or a name
  std::optional<base::TimePoint> at;  ///< nothing: now
  bool json = false;
};

struct LookupCommand {
  std::string what;  ///< a number or an address
  bool all = false;  ///< the deleted ones too
  bool json = false;
};

struct ChangesCommand {
  std::optional<std::int64_t> run;           ///< nothing: the newest run that published something
  std::optional<index::FeedPosition> since;  ///< the feed after it instead
  bool compact = false;                      ///< of the feed: each contact once
  bool snapshot = false;                     ///< everything instead
  std::optional<int> limit;
  bool json = false;
};

struct HistoryCommand {
  std::string what;  ///< an id, an address or a name
  std::optional<int> limit;
  bool json = false;
};

struct DiffCommand {
  index::Moment before;
  index::Moment after;
  bool json = false;
};

struct CheckCommand {
  bool json = false;
};

struct PlanCommand {
  enum class Action { preview, list, show, approve, reject };
  Action action = Action::preview;
  std::int64_t number = 0;  ///< for show (0: all that are open), approve and reject
  bool all = false;         ///< for list: the decided ones too
  bool json = false;
};

struct ConflictsCommand {
  std::string kind;  ///< empty: all
  bool json = false;
};

struct ExplainCommand {
  std::string what;  ///< an id, an address or a name
  bool json = false;
};

struct TokenCommand {
  enum class Action { add, list, revoke };
  Action action = Action::list;
  std::string name;  ///< for revoke also an id
  api::Scope scope = api::Scope::read;
  index::Permission permission;  ///< its groups as they were typed: ids, addresses or names
  std::optional<base::TimePoint> expires;
  std::string certificate;  ///< a file or a fingerprint; empty: none
  bool json = false;
};

struct BackupCommand {
  std::filesystem::path file;
  bool json = false;
};

struct ExportCommand {
  using Format = exporting::Format;
  Format format = Format::csv;
  std::filesystem::path output;                               ///< empty: standard output
  exporting::Columns columns = exporting::visible_columns();  ///< for csv and xlsx
  std::string base = std::string(exporting::kDefaultBase);    ///< for ldif
  index::ContactFilter filter;
};

using Command = std::variant<RunCommand, SyncCommand, StatusCommand, ListCommand, ShowCommand,
                             ChangesCommand, CheckCommand, PlanCommand, ConflictsCommand,
                             ExplainCommand, BackupCommand, ExportCommand, HistoryCommand,
                             DiffCommand, LookupCommand, SearchCommand, TokenCommand>;

struct CommandLine {
  std::filesystem::path config_file;
  bool verbose = false;
  Command command;
};

/// What to print instead of running a command: help or version (code 0), or what is wrong.
struct Notice {
  std::string text;
  int code = exit_code::kComplete;
};

std::variant<CommandLine, Notice> parse_command_line(int argc, const char* const* argv);

}  // namespace gald::daemon
