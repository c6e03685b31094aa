#include "api/token_authority.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "api/audit.hpp"
#include "api/problem.hpp"
#include "api/request_limits.hpp"
#include "api/tokens.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace gald::api {

namespace {

using std::chrono::milliseconds;

/// How old what is known of the files may be.
constexpr milliseconds kFresh{1000};

/// Wrong tokens in a minute from one address. The right one is taken whatever came before: nobody
/// is kept out by those who share an address with them.
constexpr std::int64_t kWrongPerMinute = 30;

constexpr const char* kChallenge = "Bearer realm=\"gald\", error=\"invalid_token\"";

/// For how long the tokens that were read last stay valid when their file cannot be read. After
/// that none is: nobody could revoke one.
constexpr std::chrono::seconds kUnread{10};

/// Of groups that have no number here, as in a container: members of any of them show it.
constexpr std::uint32_t kOverflowGroup = 65534;

/// What a file is, as far as it can be told without reading it.
using Identity = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t,
                            std::int64_t, std::int64_t>;

Identity identity_of(const std::filesystem::path& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0)
    return {};
  return {status.st_dev,         status.st_ino,          status.st_size,
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

/// The group whose members may read the file, if that can be said of one.
std::optional<std::uint32_t> group_of(const std::filesystem::path& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0 || (status.st_mode & S_IRGRP) == 0 ||
      status.st_gid == kOverflowGroup)
    return std::nullopt;
  return status.st_gid;
}

struct Known {
  Token token;
  std::optional<base::TimePoint> expires;
  std::shared_ptr<const Principal> principal;
};

/// What was read of the files last; never changes.
struct Table {
  std::map<std::string, Known, std::less<>> by_id;
  std::map<std::string, std::string, std::less<>> by_certificate;  ///< to the id
  std::optional<std::uint32_t> group;                              ///< of the index
};

std::shared_ptr<const Principal> account(std::uint32_t user, Scope scope) {
  const std::string name = user == 0 ? "root" : std::to_string(user);
  return std::make_shared<Principal>(Principal{"account " + name, scope, {}});
}

/// The token in "Bearer TOKEN".
std::optional<std::string_view> bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!base::ascii_iequals(authorization.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  return base::trim(authorization.substr(kScheme.size()));
}

[[noreturn]] void refuse_rate(milliseconds wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  throw Refused(429,
                "too many requests; ask again after the time in Retry-After"
                " (api.requests_per_minute says how many there may be)",
                {{"Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1))}});
}

/// Who asks, or why that cannot be said.
struct Identified {
  enum class Standing { nobody, somebody, wrong, expired };
  Standing standing = Standing::nobody;
  std::shared_ptr<const Principal> who = nullptr;
};

using Standing = Identified::Standing;

}  // namespace

class TokenAuthority::Impl {
 public:
  Impl(Options options, const base::Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        limits_(options_.requests_per_minute),
        wrong_(kWrongPerMinute) {
    newest_table(clock_.now());
  }

  Principal admit(const net::ServerRequest& request) {
    Principal who = recognize(request);
    if (request.again)
      return who;  // it was counted when it came
    const base::TimePoint now = clock_.now();
    const std::lock_guard lock(mutex_);
    if (const auto wait = limits_.admit(client(who, request.peer), now))
      refuse_rate(*wait);
    return who;
  }

  Principal recognize(const net::ServerRequest& request) {
    const base::TimePoint now = clock_.now();
    auto table = fresh_table(now);
    const auto identified = [&] {
      return identify(*table, request.header("Authorization").value_or(""), request.peer, now);
    };
    Identified found = identified();
    if (found.standing == Standing::wrong) {  // it may have been made a moment ago
      table = newest_table(now);
      found = identified();
    }
    if (found.standing == Standing::wrong || found.standing == Standing::expired)
      refuse(found.standing, request.peer, now);
    return found.who ? *found.who : Principal{"nobody", Scope::none, {}};
  }

  bool still(const Principal& who, std::string_view authorization, const net::Peer& peer) {
    const base::TimePoint now = clock_.now();
    const auto table = fresh_table(now);
    const Identified found = identify(*table, authorization, peer, now);
    if (found.standing == Standing::nobody)
      return who.scope == Scope::none;
    return found.who && found.who->name == who.name && found.who->scope == who.scope &&
           found.who->permission == who.permission;
  }

  /// Nothing where a file would have to be looked at.
  std::shared_ptr<const Principal> known(const net::RequestHead& head) {
    const base::TimePoint now = clock_.now();
    std::shared_ptr<const Table> table;
    {
      const std::lock_guard lock(mutex_);
      if (!is_fresh(now))
        return nullptr;
      table = table_;
    }
    return identify(*table, head.authorization, head.peer, now).who;
  }

  void look() { fresh_table(clock_.now()); }

  bool may_ask(const Principal& who, const net::Peer& peer) {
    const std::lock_guard lock(mutex_);
    return !limits_.admit(client(who, peer), clock_.now());
  }

 private:
  static std::string client(const Principal& who, const net::Peer& peer) {
    return who.scope == Scope::none ? net::client_of(peer) : who.name;
  }

  Identified identify(const Table& table, std::string_view authorization, const net::Peer& peer,
                      base::TimePoint now) const {
    if (!authorization.empty())
      return by_token(table, authorization, now);
    if (peer.user) {
      if (*peer.user == 0 || *peer.user == ::geteuid())
        return {Standing::somebody, account(*peer.user, Scope::admin)};
      if (table.group &&
          std::find(peer.groups.begin(), peer.groups.end(), *table.group) != peer.groups.end())
        return {Standing::somebody, account(*peer.user, Scope::read)};
    }
    if (const auto entry = table.by_certificate.find(peer.certificate);
        !peer.certificate.empty() && entry != table.by_certificate.end())
      return of_token(table.by_id.find(entry->second)->second, now);
    return {};
  }

  static Identified by_token(const Table& table, std::string_view authorization,
                             base::TimePoint now) {
    const auto shown = bearer(authorization);
    const auto parts = shown ? parse_token(*shown) : std::nullopt;
    if (!parts)
      return {Standing::wrong};
    const auto found = table.by_id.find(parts->first);
    // the hash is compared even where there is nothing to compare it with
    static const std::string kNone(64, '-');
    const std::string& expected =
        found == table.by_id.end() || found->second.token.secret_hash.empty()
            ? kNone
            : found->second.token.secret_hash;
    if (!base::equal_in_constant_time(base::sha256_hex(parts->second), expected))
      return {Standing::wrong};
    return of_token(found->second, now);
  }

  static Identified of_token(const Known& known, base::TimePoint now) {
    if (known.expires && *known.expires <= now)
      return {Standing::expired};
    return {Standing::somebody, known.principal};
  }

  /// How long somebody has to wait who shows one wrong token after the other, and whether that is
  /// to be logged.
  std::pair<std::optional<milliseconds>, bool> count_wrong(const net::Peer& peer,
                                                           base::TimePoint now) {
    const std::string from = net::client_of(peer);
    const std::lock_guard lock(mutex_);
    const auto wait = wrong_.admit(from, now);
    const bool complain = wait && now - complained_at_ >= std::chrono::minutes(1);
    if (complain)
      complained_at_ = now;
    return {wait, complain};
  }

  [[noreturn]] void refuse(Standing standing, const net::Peer& peer, base::TimePoint now) {
    const auto [wait, complain] = count_wrong(peer, now);
    if (complain)
      base::log::warning("api.wrong_tokens", "somebody shows one wrong token after the other",
                         {{"from", peer.address.empty() ? "socket" : peer.address}});
    if (wait)
      refuse_rate(*wait);
    if (standing == Standing::expired)
      throw Refused(401, "the token has expired; `gald token add` makes another one",
                    {{"WWW-Authenticate", kChallenge}});
    throw Refused(401,
                  "the token is not one of those that are valid; expected Authorization: Bearer "
                  "TOKEN with what `gald token add` has printed",
                  {{"WWW-Authenticate", kChallenge}});
  }

  // --- the files ---------------------------------------------------------------------------------

  bool is_fresh(base::TimePoint now) const {
    return now >= looked_at_ && now - looked_at_ < kFresh;
  }

  std::shared_ptr<const Table> table_if_fresh(base::TimePoint now) {
    const std::lock_guard lock(mutex_);
    return is_fresh(now) ? table_ : nullptr;
  }

  std::shared_ptr<const Table> fresh_table(base::TimePoint now) {
    if (auto table = table_if_fresh(now))
      return table;
    const std::lock_guard files(files_);
    auto table = table_if_fresh(now);  // another thread may have looked meanwhile
    return table ? table : look(now);
  }

  std::shared_ptr<const Table> newest_table(base::TimePoint now) {
    const std::lock_guard files(files_);
    return look(now);
  }

  /// With files_, and without mutex_: nobody but who needs the newest waits for a file.
  std::shared_ptr<const Table> look(base::TimePoint now) {
    const auto group = group_of(options_.index_file);
    const Identity identity = identity_of(options_.tokens_file);
    bool changed = !read_ || identity_ != identity;
    if (changed) {
      changed = read_tokens(identity, now);
    } else {  // what was read is there, perhaps again
      failing_since_.reset();
      failure_.clear();
    }
    const bool valid = read_ && (!failing_since_ || now - *failing_since_ < kUnread);
    if (changed || !published_ || group != published_->group || valid != published_valid_) {
      auto table = std::make_shared<Table>(valid ? *read_ : Table{});
      table->group = group;
      published_ = std::move(table);
      published_valid_ = valid;
    }
    const std::lock_guard lock(mutex_);
    looked_at_ = now;
    return table_ = published_;
  }

  /// False: what was read before stays, and the next look() tries again.
  bool read_tokens(const Identity& identity, base::TimePoint now) {
    std::vector<Token> tokens;
    try {
      tokens = TokenFile(options_.tokens_file).read();
    } catch (const std::exception& error) {
      if (!failing_since_)
        failing_since_ = now;
      const std::string what = error.what();
      if (what != std::exchange(failure_, what))
        base::log::error("api.tokens_unreadable",
                         "the tokens cannot be read; those that were read before stay valid for "
                         "ten seconds, then none is",
                         {{"error", what}});
      return false;
    }
    failing_since_.reset();
    failure_.clear();
    auto table = std::make_shared<Table>();
    for (Token& token : tokens) {
      const std::string id = token.id;
      if (read_ && !read_->by_id.contains(id))
        audit("command line", "command line", "token " + token.name + " added", "done");
      if (!token.certificate.empty())
        table->by_certificate[token.certificate] = id;
      Known known{.token = {}, .expires = base::parse_iso8601(token.expires), .principal = {}};
      known.principal = std::make_shared<Principal>(Principal{"token " + token.name, token.scope,
                                                              token.permission,
                                                              base::parse_iso8601(token.created)});
      known.token = std::move(token);
      table->by_id.emplace(id, std::move(known));
    }
    if (read_)
      for (const auto& [id, known] : read_->by_id)
        if (!table->by_id.contains(id))
          audit("command line", "command line", "token " + known.token.name + " revoked", "done");
    read_ = std::move(table);
    identity_ = identity;
    return true;
  }

  const Options options_;
  const base::Clock& clock_;

  std::mutex files_;                        // taken before mutex_
  std::shared_ptr<const Table> read_;       // without a group; guarded by files_, as up to failure_
  Identity identity_;                       // of what was read
  std::shared_ptr<const Table> published_;  // the newest table_
  bool published_valid_ = false;            // it has what was read
  std::optional<base::TimePoint> failing_since_;
  std::string failure_;  // as it was logged

  std::mutex mutex_;                    // held for moments only
  std::shared_ptr<const Table> table_;  // guarded by mutex_, like all that follow
  base::TimePoint looked_at_{};
  RequestLimits limits_;
  RequestLimits wrong_;
  base::TimePoint complained_at_{};
};

TokenAuthority::TokenAuthority(Options options, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}

TokenAuthority::~TokenAuthority() = default;

Principal TokenAuthority::admit(const net::ServerRequest& request) const {
  return impl_->admit(request);
}

Principal TokenAuthority::recognize(const net::ServerRequest& request) const {
  return impl_->recognize(request);
}

bool TokenAuthority::still(const Principal& who, std::string_view authorization,
                           const net::Peer& peer) const {
  return impl_->still(who, authorization, peer);
}

std::shared_ptr<const Principal> TokenAuthority::known(const net::RequestHead& head) const {
  return impl_->known(head);
}

void TokenAuthority::look() const {
  impl_->look();
}

bool TokenAuthority::may_ask(const Principal& who, const net::RequestHead& head) const {
  return impl_->may_ask(who, head.peer);
}

}  // namespace gald::api
