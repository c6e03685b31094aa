// The subcommands, one file each. Every one returns an exit code, writes its result to standard
// output and throws std::runtime_error with one clear line when it can only give up.
#pragma once

#include "command_line.hpp"
#include "config.hpp"

namespace gald::daemon {

struct Context {
  const Config& config;
  bool verbose = false;
};

int execute(const RunCommand& command, const Context& context);
int execute(const SyncCommand& command, const Context& context);
int execute(const StatusCommand& command, const Context& context);
int execute(const ListCommand& command, const Context& context);
int execute(const SearchCommand& command, const Context& context);
int execute(const ShowCommand& command, const Context& context);
int execute(const ChangesCommand& command, const Context& context);
int execute(const CheckCommand& command, const Context& context);
int execute(const PlanCommand& command, const Context& context);
int execute(const ConflictsCommand& command, const Context& context);
int execute(const ExplainCommand& command, const Context& context);
int execute(const BackupCommand& command, const Context& context);
int execute(const ExportCommand& command, const Context& context);
int execute(const HistoryCommand& command, const Context& context);
int execute(const DiffCommand& command, const Context& context);
int execute(const LookupCommand& command, const Context& context);
int execute(const TokenCommand& command, const Context& context);

}  // namespace gald::daemon
