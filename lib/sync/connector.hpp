// The port through which every source is read. Implementations: lib/ad, lib/cloud, and the fakes
// of tests/contract, which runs one suite against all of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::sync {

/// What a connector reads with a cursor of its own.
struct Collection {
  std::string name;  ///< stable: "users", "contacts", "groups", "directory", "mailcontacts"

  /// The source has no "what changed": every round lists everything, from an empty cursor, and is
  /// therefore a full round.
  bool lists_everything = false;

  /// Names what is asked for (scope, attributes, version of the mapping). A cursor made under
  /// another fingerprint is not used: the collection is read in full once.
  std::string fingerprint;

  /// A full round is due when the last one is this long ago: it finds what the source failed to
  /// tell. Nothing: never on this account.
  std::optional<std::chrono::milliseconds> complete_every = {};

  /// A complete read that sees less than this share of what was there before, and misses more than
  /// a handful, may be the sight of a source that lost something itself (rights, a replica that is
  /// not filled yet): nothing is swept and the round has failed.
  double plausible_share = 0;

  /// Kinds of objects that the configuration leaves unread: those that staging still knows are out
  /// of scope, not gone.
  std::vector<model::RecordKind> kinds_left_out = {};

  /// What the configuration leaves to read, as text that is only compared: when it changes, what
  /// comes or goes with it is held until somebody approves. Empty: there is nothing to configure.
  std::string scope = {};

  /// It says more of objects that other collections bring, and brings none itself: the first
  /// publication does not wait for it when it fails.
  bool only_adds = false;
};

/// What it took to get a page.
struct Effort {
  int requests = 0;
  std::uint64_t bytes = 0;             ///< of bodies as they came over the wire
  double units = 0;                    ///< of the source's rate limit, where it counts them
  std::chrono::milliseconds paced{0};  ///< waited so as not to meet that limit
};

/// Objects in no particular order; the same object may come twice, in one page or in several:
/// the last word counts.
struct Page {
  std::vector<model::Change> changes;
  std::vector<model::Rejected> rejected;

  /// Where to go on once this page is stored. Nothing: the source can only go on from here within
  /// this round; after a crash the round is repeated from the cursor before it.
  std::optional<model::Cursor> next;

  /// The round is proven complete. REQUIRES `next`; one that is empty leaves nothing to go on from,
  /// so that the next round is a full one.
  bool last = false;
  Effort effort;

  /// How many objects the whole round brings, as far as the source tells before they have come. A
  /// figure for people; one page says it, the others need not.
  std::optional<std::int64_t> expected = {};
};

/// The source no longer accepts the cursor, or what happened since cannot be known from it:
/// everything has to be read anew.
struct CursorRefused {
  std::string reason;
  bool routine = false;  ///< planned, nothing to be warned of
};

/// Not now. With `retry_after` the source (or the limit on requests that we keep to) says when:
/// asking earlier would do harm. Without it something broke that may work at once; the caller backs
/// off on its own.
struct Throttled {
  std::optional<std::chrono::milliseconds> retry_after;
  std::string reason;
};

/// This round is over; nothing may be concluded from what it did not deliver.
struct Failed {
  base::Error error;
};

using Pull = std::variant<Page, CursorRefused, Throttled, Failed>;

/// One round: from a cursor to the next durable cursor. Used by one thread.
class Round {
 public:
  virtual ~Round() = default;

  /// Blocks for the next page; every wait inside has a limit, and a stop is seen within a second
  /// or two (the answer is then Failed with ErrorKind::stopped). After Throttled the same page may
  /// be asked for again; after CursorRefused, Failed or the last page the round is over.
  virtual Pull next(std::stop_token stop) = 0;
};

/// One line of `gald check`.
struct Finding {
  enum class Level { ok, warning, problem };
  Level level = Level::ok;
  std::string what;        ///< "AD: bind as svc-gald@contoso.test over ldaps://dc1:636"
  std::string remedy;      ///< what to do, where something is wrong
  std::string check = {};  ///< a stable name for programs: "token", "permission", "tls", "clock"
};

/// A credential that ends by itself.
struct CredentialExpiry {
  std::string what;  ///< "certificate CN=gald", "client secret"
  base::TimePoint at;
};

/// A configured connection to one source. It never sees the index, and remembers nothing between
/// rounds that is not in the cursor (access tokens apart). Rounds of different collections may run
/// at the same time in different threads.
class Connector {
 public:
  virtual ~Connector() = default;

  virtual const std::string& name() const = 0;
  virtual model::ConnectorKind kind() const = 0;
  virtual const std::vector<Collection>& collections() const = 0;

  /// Does not talk to the source yet. REQUIRES: `collection` is one of collections().
  virtual std::unique_ptr<Round> begin(const Collection& collection, const model::Cursor& from) = 0;

  /// Reaches out to the source and says what works and what does not: address, certificate,
  /// credentials, rights. Changes nothing.
  virtual std::vector<Finding> check(std::stop_token stop) = 0;

  /// When what it signs in with ends; nothing where that is not known. Asks nobody.
  virtual std::optional<CredentialExpiry> credential_expiry() const { return std::nullopt; }
};

}  // namespace gald::sync
