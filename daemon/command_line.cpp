#include "command_line.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "api/tokens.hpp"
#include "base/text.hpp"
#include "config_keys.hpp"
#include "index/narrowing.hpp"
#include "moment.hpp"
#include "reconcile/conflict.hpp"

namespace gald::daemon {

namespace {

constexpr const char* kDefaultConfig = "/etc/gald/gald.toml";

constexpr const char* kAbout =
    "gald, the global address list daemon: one index of the contacts, users and guests of Active "
    "Directory, Entra ID and Exchange Online.";

constexpr const char* kFooter =
    "Exit codes: 0 complete, 1 failed, 2 bad usage, 3 partial, 4 bad configuration, 5 read\n"
    "everything.\n"
    "More: man gald, man gald.toml";

std::optional<std::int64_t> parse_change_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

/// An option whose text `take` takes, or says what it must be.
CLI::Option* add_choice(CLI::App& command, const char* name, const char* about, const char* type,
                        std::function<std::string(const std::string&)> take) {
  return command
      .add_option_function<std::string>(
          name,
          [name, take = std::move(take)](const std::string& text) {
            if (const std::string wrong = take(text); !wrong.empty())
              throw CLI::ValidationError(std::string(name) + " \"" + text + "\"", wrong);
          },
          about)
      ->type_name(type);
}

/// The options that say which contacts are meant, the same for every command that has them.
void add_filters(CLI::App& command, index::ContactFilter& filter) {
  const auto add = [&](const char* name, const char* about, const char* type, auto take) {
    add_choice(command, name, about, type, take);
  };
  add("--source", "Only of this source", "cloud|on_premises|hybrid", [&](std::string text) {
    std::replace(text.begin(), text.end(), '-', '_');
    filter.source = model::source_named(text);
    return filter.source ? "" : "must be cloud, on_premises or hybrid";
  });
  add("--status", "Only with this status", "active|disabled|deleted", [&](const auto& text) {
    filter.status = model::status_named(text);
    return filter.status ? "" : "must be active, disabled or deleted";
  });
  add("--kind", "Only of this kind (groups only with group)", "contact|user|guest|group",
      [&](const auto& text) {
        filter.kind = model::entry_kind_named(text);
        return filter.kind ? "" : "must be contact, user, guest or group";
      });
  command.add_flag("--all", filter.with_deleted, "The deleted ones too");
  add("--group", "Only direct members of this group", "ID|ADDRESS|NAME", [&](const auto& text) {
    filter.group = text;
    return text.empty() ? "must be the id, an address or the name of a group" : "";
  });
  add("--label", "Only with this label", "LABEL", [&](const auto& text) {
    filter.label = text;
    return text.empty() ? "must be one of [labels] in the configuration" : "";
  });
  add("--hidden", "Hidden from address lists, or not, or nobody says", "yes|no|unknown",
      [&](const auto& text) {
        using index::Visibility;
        if (text == "yes")
          filter.visibility = Visibility::hidden;
        else if (text == "no")
          filter.visibility = Visibility::visible;
        else if (text == "unknown")
          filter.visibility = Visibility::unknown;
        return filter.visibility ? "" : "must be yes, no or unknown";
      });
  add("--changed-since", "Only what changed after this change, or since this time", "NUMBER|TIME",
      [&](const auto& text) {
        filter.changed_after = parse_change_number(text);
        filter.changed_since = parse_moment(text, base::SystemClock().now());
        return filter.changed_after || filter.changed_since
                   ? ""
                   : "must be the number of a change or a time: " + std::string(kMomentForms);
      });
}

base::TimePoint past_moment(const std::string& option, const std::string& text) {
  const base::TimePoint now = base::SystemClock().now();
  const auto moment = parse_moment(text, now);
  if (!moment)
    throw CLI::ValidationError(
        option, "'" + text + "' is no moment; expected " + std::string(kMomentForms));
  if (*moment > now)
    throw CLI::ValidationError(option, "'" + text + "' is in the future");
  return *moment;
}

/// A time or the number of a run.
index::Moment moment_or_run(const std::string& option, const std::string& text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos &&
      text.size() < 19)
    return index::AfterRun{std::stoll(text)};
  return past_moment(option, text);
}

/// Parses into `chosen`: the subcommand that was named writes its options there.
class Parser {
 public:
  Parser() {
    app_.set_version_flag("--version", "gald " GALD_VERSION);
    app_.add_option("--config", line_.config_file, "Configuration file")
        ->envname("GALD_CONFIG")
        ->capture_default_str()
        ->type_name("FILE");
    app_.add_flag("--verbose", line_.verbose, "Show log messages of level info (not for run)");
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kFooter);
    add_run();
    add_sync();
    add_status();
    add_check();
    add_backup();
    add_list();
    add_search();
    add_lookup();
    add_show();
    add_history();
    add_changes();
    add_diff();
    add_export();
    add_explain();
    add_conflicts();
    add_plan();
    add_token();
  }

  std::variant<CommandLine, Notice> parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Notice{app_.help(), exit_code::kComplete};
    } catch (const CLI::CallForVersion& version) {
      return Notice{std::string(version.what()) + "\n", exit_code::kComplete};
    } catch (const CLI::ParseError& error) {
      return Notice{"gald: " + std::string(error.what()) + "\nTry: gald --help\n",
                    exit_code::kBadUsage};
    }
    if (auto* lookup = std::get_if<LookupCommand>(&line_.command))
      for (const std::string& word : words_)
        lookup->what += (lookup->what.empty() ? "" : " ") + word;
    return line_;
  }

 private:
  template <typename T>
  CLI::App* add(const char* name, const char* about, const char* example, T& options) {
    CLI::App* command = app_.add_subcommand(name, about);
    command->footer(std::string("Example:\n  ") + example);
    command->final_callback([this, &options] { line_.command = options; });
    return command;
  }

  void add_run() {
    add("run", "Run as a service: a cycle at once, then by the schedule; SIGHUP starts one now",
        "gald run", run_);
  }

  void add_sync() {
    CLI::App* command = add("sync", "Ask all sources now what changed, publish it, report it",
                            "gald sync --json", sync_);
    add_json(*command, sync_.json);
    command->add_flag("--quiet", sync_.quiet, "No progress and no report; the exit code says it");
  }

  void add_status() {
    CLI::App* command =
        add("status", "What is published, and how every source is doing", "gald status", status_);
    command->add_flag("--groups", status_.groups, "Every group with the number of its members");
    add_json(*command, status_.json);
  }

  void add_list() {
    CLI::App* command =
        add("list", "List what is published",
            "gald list --source hybrid --status active --json | jq -r .mail", list_);
    add_filters(*command, list_.filter);
    add_at(*command, list_.at);
    add_json(*command, list_.json);
  }

  void add_search() {
    CLI::App* command = add("search",
                            "Find contacts by words of names, addresses, company, department and "
                            "title, or by what is spelled or sounds alike",
                            "gald search muel anna --kind user", search_);
    command
        ->add_option_function<std::vector<std::string>>(
            "words",
            [this](const std::vector<std::string>& words) {
              for (const std::string& word : words)
                search_.query.text += (search_.query.text.empty() ? "" : " ") + word;
            },
            "Words or their beginnings, in any order; all of them count")
        ->required()
        ->type_name("WORDS");
    add_filters(*command, search_.query.filter);
    command->add_option("--limit", search_.query.limit, "No more contacts than this")
        ->check(CLI::Range(1, 200))
        ->capture_default_str()
        ->type_name("NUMBER");
    add_json(*command, search_.json);
  }

  void add_show() {
    CLI::App* command = add("show", "Everything that is known of one contact, with its history",
                            "gald show jane.doe@contoso.com", show_);
    command->add_option("what", show_.what, "Its id, mail or any other address, or its name")
        ->required()
        ->type_name("ID|ADDRESS|NAME");
    add_at(*command, show_.at);
    add_json(*command, show_.json);
  }

  void add_changes() {
    CLI::App* command =
        add("changes",
            "What the newest run that published something changed; or the change feed: what was "
            "published after a position",
            "gald changes --run 17 --limit 20\n"
            "  gald changes --snapshot --json\n"
            "  gald changes --since 2f5c0a7d91e3b846.4711 --compact --json",
            changes_);
    CLI::Option* run = command->add_option("--run", changes_.run, "Of this run instead")
                           ->check(CLI::PositiveNumber)
                           ->type_name("NUMBER");
    CLI::Option* since =
        command
            ->add_option_function<std::string>(
                "--since",
                [this](const std::string& text) {
                  changes_.since = index::parse_feed_position(text);
                  if (!changes_.since)
                    throw CLI::ValidationError(
                        "--since", "'" + text +
                                       "' is no position; expected the one that an earlier "
                                       "`gald changes` ended with, or the number of a change");
                },
                "All that was published after it")
            ->excludes(run)
            ->type_name("POSITION");
    command
        ->add_flag("--compact", changes_.compact,
                   "What to do about each contact since then, once, instead of every change")
        ->needs(since);
    CLI::Option* limit =
        command->add_option("--limit", changes_.limit, "No more lines than this; of a run 100")
            ->check(CLI::Range(1, 1'000'000'000))
            ->type_name("NUMBER");
    command
        ->add_flag("--snapshot", changes_.snapshot,
                   "Everything there is, and the position to go on from")
        ->excludes(run)
        ->excludes(since)
        ->excludes(limit);
    add_json(*command, changes_.json);
  }

  void add_check() {
    CLI::App* command = add(
        "check", "Try the configuration, the secrets, the index and every source; change nothing",
        "gald --config /etc/gald/gald.toml check", check_);
    add_json(*command, check_.json);
  }

  void add_plan() {
    using Action = PlanCommand::Action;
    CLI::App* command = add("plan",
                            "What a cycle would publish and hold back, which changes nothing; or, "
                            "with one of the words below, the plans that wait for a decision",
                            "gald plan\n  gald plan show 7\n  gald plan approve 7", plan_);
    command->require_subcommand(0, 1);
    add_json(*command, plan_.json);
    const auto add_action = [&](const char* name, const char* about, Action action) {
      CLI::App* sub = command->add_subcommand(name, about);
      sub->parse_complete_callback([this, action] { plan_.action = action; });
      if (action == Action::list)
        sub->add_flag("--all", plan_.all, "Those that are decided too");
      else
        sub->add_option("number", plan_.number, "Of the plan")
            ->required(action != Action::show)
            ->check(CLI::PositiveNumber)
            ->type_name("NUMBER");
      add_json(*sub, plan_.json);
    };
    add_action("list", "The plans", Action::list);
    add_action("show",
               "Every contact in a plan, or in all that are open, with what would happen to it "
               "and why",
               Action::show);
    add_action("approve", "Publish exactly what it holds", Action::approve);
    add_action("reject", "Keep what it holds as it is", Action::reject);
  }

  void add_token() {
    using Action = TokenCommand::Action;
    CLI::App* command = add("token", "Who may use the API: give access, show it, take it back",
                            "gald token add crm --group Sales --attribute displayName,phones "
                            "--expires 90d\n  gald token list\n  gald token revoke crm",
                            token_);
    command->require_subcommand(1);
    const auto add_action = [&](const char* name, const char* about, Action action) {
      CLI::App* sub = command->add_subcommand(name, about);
      sub->parse_complete_callback([this, action] { token_.action = action; });
      return sub;
    };
    add_token_options(
        *add_action("add", "Make a token and print it, once: it is kept nowhere", Action::add));
    add_json(
        *add_action("list", "The tokens: what each may do and see, and when it ends", Action::list),
        token_.json);
    add_action("revoke", "Make a token invalid, within a second", Action::revoke)
        ->add_option("token", token_.name, "Its name or id")
        ->required()
        ->type_name("NAME|ID");
  }

  void add_token_options(CLI::App& command) {
    add_choice(command, "name", "Whose it is, for the log", "NAME", [&](const std::string& text) {
      token_.name = text;
      return api::is_token_name(text) ? ""
                                      : "must be letters, digits, \".\", \"_\" and \"-\", up to 64";
    })->required();
    add_choice(
        command, "--scope", "What it may do; each includes those before it (default: read)",
        "read|operate|admin", [&](const std::string& text) {
          for (const api::Scope scope : {api::Scope::read, api::Scope::operate, api::Scope::admin})
            if (text == api::to_string(scope)) {
              token_.scope = scope;
              return "";
            }
          return "must be read, operate or admin";
        });
    add_each(command, "--source", "Sees only contacts of these sources",
             "cloud|on_premises|hybrid,...", [&](std::string text) {
               std::replace(text.begin(), text.end(), '-', '_');
               const auto source = model::source_named(text);
               if (source)
                 of(token_.permission.sources).insert(*source);
               return source ? "" : "must be cloud, on_premises or hybrid";
             });
    command
        .add_option_function<std::vector<std::string>>(
            "--group",
            [this](const std::vector<std::string>& groups) {
              of(token_.permission.groups).insert(groups.begin(), groups.end());
            },
            "Sees only direct members of these groups, and no other group")
        ->allow_extra_args(false)
        ->type_name("ID|ADDRESS|NAME");
    add_each(command, "--attribute", "Sees only these attributes, as the contact object calls them",
             "NAME,...", [&](const std::string& text) {
               const auto& known = index::attribute_names();
               if (std::find(known.begin(), known.end(), text) == known.end())
                 return "must be attributes of the contact object, such as displayName or phones; "
                        "man gald lists them";
               of(token_.permission.attributes).insert(text);
               return "";
             });
    command.add_flag_callback(
        "--no-hidden", [this] { token_.permission.hidden = false; },
        "Does not see contacts that are hidden from address lists");
    add_choice(command, "--expires", "When it ends: after so long, or at a time", "DURATION|TIME",
               [&](const std::string& text) {
                 const base::TimePoint now = base::SystemClock().now();
                 if (const auto after = parse_duration(text))
                   token_.expires = now + *after;
                 else
                   token_.expires = parse_moment(text, now);
                 return token_.expires && *token_.expires > now
                            ? ""
                            : "must be a duration (90d) or a time to come (2027-03-01)";
               });
    command
        .add_option("--certificate", token_.certificate,
                    "Not a token, but the client's certificate: a PEM file, or its SHA-256")
        ->type_name("FILE|SHA256");
    command.parse_complete_callback([this] {
      token_.action = TokenCommand::Action::add;
      const auto& permission = token_.permission;
      if (token_.scope != api::Scope::read && !permission.everything())
        throw CLI::ValidationError(
            "--scope " + std::string(api::to_string(token_.scope)),
            "is for tokens that see everything; leave out --source, --group, --attribute and "
            "--no-hidden, or take --scope read");
      if (permission.attributes && permission.attributes->contains("labels") &&
          !permission.attributes->contains("groups"))
        throw CLI::ValidationError("--attribute labels", "needs groups, which give them");
    });
  }

  /// Values between commas, and the option may be given several times.
  static void add_each(CLI::App& command, const char* name, const char* about, const char* type,
                       std::function<std::string(const std::string&)> take) {
    command
        .add_option_function<std::vector<std::string>>(
            name,
            [name, take = std::move(take)](const std::vector<std::string>& texts) {
              for (const std::string& text : texts)
                for (const std::string_view one : base::split(text, ','))
                  if (const std::string wrong = take(std::string(base::trim(one))); !wrong.empty())
                    throw CLI::ValidationError(std::string(name) + " \"" + std::string(one) + "\"",
                                               wrong);
            },
            about)
        ->allow_extra_args(false)
        ->type_name(type);
  }

  /// The set, which is there from now on.
  template <typename Value>
  static std::set<Value>& of(std::optional<std::set<Value>>& set) {
    return set ? *set : set.emplace();
  }

  void add_conflicts() {
    CLI::App* command =
        add("conflicts", "Contacts that contradict each other, and what to do about them",
            "gald conflicts --kind collision", conflicts_);
    std::vector<std::string> kinds;
    for (const reconcile::ConflictKind kind : reconcile::conflict_kinds())
      kinds.emplace_back(to_string(kind));
    command->add_option("--kind", conflicts_.kind, "Only of this kind")
        ->check(CLI::IsMember(kinds));
    add_json(*command, conflicts_.json);
  }

  void add_explain() {
    CLI::App* command =
        add("explain", "Why a contact is what it is: its records, its values, its status",
            "gald explain jane.doe@contoso.com", explain_);
    command->add_option("what", explain_.what, "Its id, mail or any other address, or its name")
        ->required()
        ->type_name("ID|ADDRESS|NAME");
    add_json(*command, explain_.json);
  }

  void add_backup() {
    CLI::App* command = add(
        "backup", "Copy the index to a file, also while a cycle runs, and look the copy through",
        "gald backup /backup/gald.db", backup_);
    command->add_option("file", backup_.file, "The file to write; an older backup is replaced")
        ->required()
        ->type_name("FILE");
    add_json(*command, backup_.json);
  }

  void add_export() {
    CLI::App* command =
        add("export", "Write what is published for other programs, as a file or to a pipe",
            "gald export --format xlsx --output gal.xlsx --group \"Sales\"\n"
            "  gald export --format csv --columns DisplayName,Mail,Labels | less",
            export_);
    add_choice(*command, "--format", "What to write (vcf: vCard 4.0, vcf3: vCard 3.0)",
               "csv|xlsx|vcf|vcf3|jsonl|ldif",
               [&](const auto& text) {
                 const auto format = exporting::format_named(text);
                 export_.format = format.value_or(export_.format);
                 return format ? "" : "must be " + std::string(exporting::kFormatNames);
               })
        ->required();
    command
        ->add_option("--output", export_.output,
                     "The file, which is replaced when all is written; else standard output")
        ->type_name("FILE");
    const CLI::Option* columns = add_choice(
        *command, "--columns", "Of csv and xlsx (default: visible); man gald lists their names",
        "visible|all|NAME,...",
        [&](const auto& text) { return exporting::choose_columns(text, export_.columns); });
    const CLI::Option* base =
        command->add_option("--base", export_.base, "Of ldif: the entry above the contacts")
            ->capture_default_str()
            ->type_name("DN");
    add_filters(*command, export_.filter);
    command->parse_complete_callback([this, columns, base] {
      using Format = ExportCommand::Format;
      const Format format = export_.format;
      if (format == Format::xlsx && export_.output.empty())
        throw CLI::ValidationError("--format xlsx", "needs --output FILE");
      if (columns->count() > 0 && !exporting::has_columns(format))
        throw CLI::ValidationError("--columns", "is for --format csv and xlsx");
      if (base->count() > 0 && format != Format::ldif)
        throw CLI::ValidationError("--base", "is for --format ldif");
      if (export_.base.find('=') == std::string::npos ||
          export_.base.find('\n') != std::string::npos)
        throw CLI::ValidationError("--base",
                                   "must be a distinguished name: ou=contacts,dc=contoso");
      if (format == Format::ldif && export_.filter.kind == model::EntryKind::group)
        throw CLI::ValidationError("--format ldif", "has no groups; take csv or jsonl for them");
    });
  }

  void add_history() {
    CLI::App* command = add("history", "Everything that was told of one contact, newest first",
                            "gald history jane.doe@contoso.com", history_);
    command->add_option("what", history_.what, "Its id, mail or any other address, or its name")
        ->required()
        ->type_name("ID|ADDRESS|NAME");
    command->add_option("--limit", history_.limit, "No more lines than this")
        ->check(CLI::Range(1, 1'000'000'000))
        ->type_name("NUMBER");
    add_json(*command, history_.json);
  }

  void add_diff() {
    CLI::App* command =
        add("diff", "What is different between two moments: times, or the ends of runs",
            "gald diff \"yesterday 10:00\" now\n  gald diff 17 23 --json", diff_);
    const auto add_moment = [&](const char* name, const char* about, index::Moment& moment) {
      command
          ->add_option_function<std::string>(
              name,
              [name, &moment](const std::string& text) { moment = moment_or_run(name, text); },
              about)
          ->required()
          ->type_name("TIME|RUN");
    };
    add_moment("before", "The earlier one", diff_.before);
    add_moment("after", "The later one", diff_.after);
    add_json(*command, diff_.json);
  }

  static void add_at(CLI::App& command, std::optional<base::TimePoint>& at) {
    command
        .add_option_function<std::string>(
            "--at", [&at](const std::string& text) { at = past_moment("--at", text); },
            "As it was then: " + std::string(kMomentForms))
        ->type_name("TIME");
  }

  void add_lookup() {
    CLI::App* command =
        add("lookup", "Whose number or address this is, also one of before",
            "gald lookup 0049 30 23125-110\n  gald lookup jane.doe@contoso.com", lookup_);
    command
        ->add_option("what", words_,
                     "A telephone number in any usual form, an extension, or an address")
        ->required()
        ->type_name("NUMBER|ADDRESS");
    command->add_flag("--all", lookup_.all, "The deleted ones too, where there are others");
    add_json(*command, lookup_.json);
  }

  static void add_json(CLI::App& command, bool& json) {
    command.add_flag("--json", json, "Print JSON");
  }

  CommandLine line_{.config_file = kDefaultConfig, .verbose = false, .command = {}};
  RunCommand run_;
  SyncCommand sync_;
  StatusCommand status_;
  ListCommand list_;
  SearchCommand search_;
  ShowCommand show_;
  ChangesCommand changes_;
  CheckCommand check_;
  PlanCommand plan_;
  TokenCommand token_;
  ConflictsCommand conflicts_;
  ExplainCommand explain_;
  BackupCommand backup_;
  ExportCommand export_;
  HistoryCommand history_;
  DiffCommand diff_;
  LookupCommand lookup_;
  std::vector<std::string> words_;  ///< of a number with blanks
  CLI::App app_{kAbout, "gald"};
};

}  // namespace

std::variant<CommandLine, Notice> parse_command_line(int argc, const char* const* argv) {
  return Parser().parse(argc, argv);
}

}  // namespace gald::daemon
