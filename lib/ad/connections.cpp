#include "ad/connections.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "ad/dial.hpp"
#include "ad/dns.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace log = base::log;
using base::Error;
using base::ErrorKind;
using sync::Finding;

namespace {

using Steady = std::chrono::steady_clock;

unsigned throw_dice(unsigned most) {
  static thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_int_distribution<unsigned>(0, most)(generator);
}

/// Only these say something about one controller; the others would be the same everywhere.
bool blames_the_server(ErrorKind kind) {
  return kind == ErrorKind::network || kind == ErrorKind::broken || kind == ErrorKind::tls ||
         kind == ErrorKind::protocol;
}

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string line;
  for (const std::string& text : texts)
    line.append(line.empty() ? "" : between).append(text);
  return line;
}

std::string day_of(std::chrono::sys_seconds time) {
  return base::to_iso8601(time).substr(0, 10);
}

}  // namespace

Connections::Connections(const AdOptions& options) : options_(options) {}

base::Result<std::vector<std::string>> Connections::find(std::stop_token stop) {
  if (options_.domain.empty())
    return options_.servers.empty() ? std::vector{options_.url} : options_.servers;
  auto found = find_in_dns(std::move(stop));
  const std::lock_guard lock(mutex_);
  if (found) {
    last_found_ = *found;
    return found;
  }
  // names change seldom: what was true half an hour ago is worth trying
  if (last_found_.empty() || found.error().kind == ErrorKind::stopped)
    return found.error();
  log::debug("ad.names-remembered", found.error().what, {{"connector", options_.name}});
  return last_found_;
}

base::Result<std::vector<std::string>> Connections::find_in_dns(std::stop_token stop) {
  std::vector<std::string> urls;
  std::string outside;
  std::vector<std::string> sites = {options_.site};
  if (!options_.site.empty())
    sites.emplace_back();  // behind those of the site the others, for when all of it is down
  for (const std::string& site : sites) {
    auto records =
        look_up_srv(controllers_name(options_.domain, site), options_.connect_timeout, stop);
    if (!records)
      return Error{records.error().kind, options_.domain + ": " + records.error().what,
                   records.error().remedy};
    for (const SrvRecord& record : order_srv(*std::move(records), throw_dice)) {
      if (!is_below(record.target, options_.domain)) {
        outside = record.target;
        continue;
      }
      std::string url = server_url(record, options_.security);
      if (std::find(urls.begin(), urls.end(), url) == urls.end())
        urls.push_back(std::move(url));
    }
  }
  if (urls.empty() && !outside.empty())
    return Error{ErrorKind::config,
                 options_.domain + ": DNS names " + outside +
                     " as a controller, which is outside of the domain: not asked, as the answer "
                     "could be forged",
                 "if it is right, name the controllers with `servers`"};
  if (urls.empty())
    return Error{ErrorKind::network,
                 options_.domain + ": DNS names no domain controllers (SRV records of " +
                     controllers_name(options_.domain, {}) + ")",
                 "is this the DNS name of the domain, and do the name servers of this machine "
                 "know it? Otherwise name the controllers with `servers`"};
  return urls;
}

base::Result<Login> Connections::sign_in(std::stop_token stop) const {
  if (!options_.keytab_file.empty()) {
    auto ticket = Ticket::obtain(options_.principal, options_.keytab_file, options_.connect_timeout,
                                 std::move(stop));
    if (!ticket)
      return ticket.error();
    return Login(KerberosLogin{*std::move(ticket)});
  }
  auto password = options_.password
                      ? options_.password()
                      : base::Result<base::Secret>(Error{ErrorKind::config, "no password given"});
  if (!password)
    return password.error();
  return Login(SimpleLogin{options_.bind_name, *std::move(password)});
}

/// What keeps us from a Kerberos ticket for the controller. Kind protocol: only from this one.
std::optional<Error> Connections::reach(const std::string& url, Login& login,
                                        std::stop_token stop) const {
  auto* kerberos = std::get_if<KerberosLogin>(&login);
  const auto address = parse_server_url(url, options_.security);
  if (kerberos == nullptr || !address)
    return std::nullopt;
  const auto reached =
      kerberos->ticket.reach(address->host, options_.connect_timeout, std::move(stop));
  if (reached)
    return std::nullopt;
  const Error& error = reached.error();
  return Error{error.kind == ErrorKind::auth ? ErrorKind::protocol : error.kind,
               url + ": " + error.what, error.remedy};
}

base::Result<std::unique_ptr<LdapConnection>> Connections::open_one(const std::string& url,
                                                                    Login& login,
                                                                    std::stop_token stop,
                                                                    Progress* progress) const {
  return LdapConnection::open({.url = url,
                               .security = options_.security,
                               .ca_file = options_.ca_file,
                               .connect_timeout = options_.connect_timeout,
                               .answer_timeout = options_.answer_timeout},
                              login, std::move(stop), progress);
}

/// False when the conversation broke over it.
bool Connections::learn_name(const std::string& url, Session& session, std::stop_token stop) {
  const auto answer = search(session, {.base = "", .attributes = {"dnsHostName"}}, std::move(stop));
  if (!answer)
    return false;
  if (!answer->entries.empty())
    memory_.is_called(url, std::string(answer->entries[0].first("dnsHostName")));
  return true;
}

void Connections::note_failure(const std::string& url, const Error& error, bool only_one) {
  // with one controller the cycle tells the same in its own line
  if (memory_.failed(url, Steady::now()) && !only_one)
    log::warning("ad.server-failed", error.what, {{"connector", options_.name}, {"server", url}});
}

Error Connections::nobody(const std::vector<Error>& errors, std::size_t untried) {
  const ErrorKind kind =
      errors.front().kind == ErrorKind::broken ? ErrorKind::network : errors.front().kind;
  const std::size_t all = errors.size() + untried;
  if (all == 1)
    return {kind, errors.front().what, errors.front().remedy};
  std::vector<std::string> reasons;
  for (const Error& error : errors)
    reasons.push_back(error.what);
  if (untried != 0)
    reasons.push_back(std::to_string(untried) + " were not tried, as it took too long");
  return {kind,
          "none of " + std::to_string(all) + " controllers can be used: " + joined(reasons, "; "),
          errors.front().remedy};
}

base::Result<Opened> Connections::open(std::string_view preferred, std::stop_token stop) {
  constexpr int kPatience = 12;  // times the connect_timeout
  const auto deadline = Steady::now() + kPatience * options_.connect_timeout;
  auto found = find(stop);
  if (!found)
    return found.error();
  auto login = sign_in(stop);
  if (!login)
    return login.error();
  const std::vector<std::string> urls = memory_.order(*found, preferred, Steady::now());
  const bool only_one = urls.size() == 1;
  // addresses and aliases do not tell whether they lead to the preferred one: then it is looked
  // for, as another one would have to be read from the beginning
  const bool named = std::any_of(urls.begin(), urls.end(), [&](const std::string& url) {
    return memory_.is(url, preferred) == ServerMemory::Answer::yes;
  });
  Opened spare;
  std::vector<Error> errors;
  for (const std::string& url : urls) {
    if (spare.session && memory_.is(url, preferred) == ServerMemory::Answer::no)
      continue;
    if (Steady::now() >= deadline)
      break;
    const auto failed = [&](Error error) {
      note_failure(url, error, only_one);
      errors.push_back(std::move(error));
    };
    if (auto unreachable = reach(url, *login, stop)) {
      if (unreachable->kind != ErrorKind::protocol)
        return std::move(*unreachable);  // the KDC, not the controller
      failed(std::move(*unreachable));
      continue;
    }
    auto connection = open_one(url, *login, stop);
    if (!connection) {
      if (!blames_the_server(connection.error().kind))
        return connection.error();
      failed(connection.error());
      continue;
    }
    if (!only_one && !learn_name(url, **connection, stop)) {
      if (stop.stop_requested())
        return Error{ErrorKind::stopped, url + ": stopped while connecting"};
      failed({ErrorKind::network, url + ": connection lost"});
      continue;
    }
    if (memory_.worked(url) && !only_one)
      log::info("ad.server-back", "a controller answers again",
                {{"connector", options_.name}, {"server", url}});
    Opened opened{std::move(*connection), url};
    if (preferred.empty() || named || only_one ||
        memory_.is(url, preferred) == ServerMemory::Answer::yes)
      return opened;
    if (!spare.session)
      spare = std::move(opened);
  }
  if (spare.session)
    return spare;
  return nobody(errors, urls.size() - errors.size());
}

void Connections::lost(const std::string& url) {
  memory_.failed(url, Steady::now());
}

namespace {

/// The lines of one controller.
class ServerLines {
 public:
  ServerLines(const AdOptions& options, const std::string& url, std::vector<Finding>& findings)
      : options_(options), url_(url), findings_(findings) {}

  /// False when the host has no address: then there is nothing to connect to.
  bool names(std::stop_token stop) {
    const auto address = parse_server_url(url_, options_.security);
    if (!address)
      return true;
    port_ = address->port;
    const auto found = addresses_of(address->host, options_.connect_timeout, std::move(stop));
    if (!found)
      say(Finding::Level::problem, "dns", address->host + ": " + found.error().what,
          "is the name right, and do the name servers of this machine know it?");
    else if (std::find(found->begin(), found->end(), address->host) == found->end())
      say(Finding::Level::ok, "dns", address->host + " is " + joined(*found, ", "));
    return bool(found);
  }

  void progress(const Progress& told, const Error* error) {
    if (told.connected)
      say(Finding::Level::ok, "server", url_ + ": accepts connections");
    if (told.secured && options_.security != Security::gssapi)
      certificate(told);
    if (error == nullptr)
      return;
    const std::string port = "port " + std::to_string(port_);
    if (error->kind == ErrorKind::tls || (told.connected && !told.secured)) {
      const std::string shown = told.certificate ? " (" + text_of(*told.certificate) + ")" : "";
      problem("tls", error->what + shown, error->remedy, "does " + port + " speak TLS?");
    } else if (told.secured || !blames_the_server(error->kind)) {
      problem("bind", error->what, error->remedy, "");
    } else {
      problem(
          "server", error->what, error->remedy,
          "does the controller run, and does every firewall on the way let " + port + " through?");
    }
  }

  void bound() {
    const std::string& who = options_.keytab_file.empty() ? options_.bind_name : options_.principal;
    say(Finding::Level::ok, "bind",
        "bound as " + who + " to " + url_ + (options_.keytab_file.empty() ? "" : " with Kerberos") +
            (options_.security == Security::gssapi ? ", signed and sealed" : ""));
  }

 private:
  static std::string text_of(const Certificate& shown) {
    return "certificate of " + shown.subject + ", issued by " + shown.issuer + ", valid until " +
           day_of(shown.ends);
  }

  void certificate(const Progress& told) {
    constexpr std::chrono::days kSoon{30};
    if (!told.certificate) {
      say(Finding::Level::ok, "tls", url_ + ": " + told.tls_version);
      return;
    }
    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(base::SystemClock().now());
    const bool soon = told.certificate->ends - now < kSoon;
    say(soon ? Finding::Level::warning : Finding::Level::ok, "tls",
        url_ + ": " + text_of(*told.certificate) + ", " + told.tls_version,
        soon ? "renew the controller's certificate before that day" : "");
  }

  void problem(const char* check, const std::string& what, const std::string& remedy,
               const std::string& otherwise) {
    say(Finding::Level::problem, check, what, remedy.empty() ? otherwise : remedy);
  }

  void say(Finding::Level level, const char* check, const std::string& what,
           std::string remedy = {}) {
    findings_.push_back({level, options_.name + ": " + what, std::move(remedy), check});
  }

  const AdOptions& options_;
  const std::string& url_;
  std::vector<Finding>& findings_;
  int port_ = 0;
};

}  // namespace

Connections::Checked Connections::check(std::stop_token stop) {
  Checked checked;
  const auto say = [&](Finding::Level level, const char* check, const std::string& what,
                       std::string remedy = {}) {
    checked.findings.push_back({level, options_.name + ": " + what, std::move(remedy), check});
  };
  const auto found = find(stop);
  if (!found) {
    say(Finding::Level::problem, "dns", found.error().what, found.error().remedy);
    return checked;
  }
  if (!options_.domain.empty())
    say(Finding::Level::ok, "dns",
        options_.domain + ": DNS names " + joined(*found, ", ") +
            (options_.site.empty() ? "" : " (site " + options_.site + " first)"));
  auto login = sign_in(stop);
  if (!login) {
    say(Finding::Level::problem, "bind", login.error().what, login.error().remedy);
    return checked;
  }
  const std::size_t before = checked.findings.size();
  for (const std::string& url : *found) {
    ServerLines lines(options_, url, checked.findings);
    if (!lines.names(stop))
      continue;
    if (const auto unreachable = reach(url, *login, stop)) {
      say(Finding::Level::problem, "bind", unreachable->what, unreachable->remedy);
      if (unreachable->kind != ErrorKind::protocol)
        return checked;
      continue;
    }
    Progress progress;
    auto connection = open_one(url, *login, stop, &progress);
    lines.progress(progress, connection ? nullptr : &connection.error());
    if (connection)
      lines.bound();
    if (connection && !checked.opened.session)
      checked.opened = {std::move(*connection), url};
    // the same refusal at every controller would lock the account
    if (!connection && !blames_the_server(connection.error().kind))
      return checked;
  }
  // with one that works, cycles do
  if (checked.opened.session)
    for (auto at = checked.findings.begin() + static_cast<std::ptrdiff_t>(before);
         at != checked.findings.end(); ++at)
      if (at->level == Finding::Level::problem)
        at->level = Finding::Level::warning;
  return checked;
}

}  // namespace gald::ad
