// A bound conversation with one domain controller, as the rest of lib/ad sees it. The real one is
// LdapConnection; tests give a scripted one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace gald::ad {

/// Result codes that gald tells apart (RFC 4511 appendix A).
namespace result_code {
inline constexpr int kSuccess = 0;
inline constexpr int kProtocolError = 2;
inline constexpr int kSizeLimitExceeded = 4;
inline constexpr int kAdminLimitExceeded = 11;
inline constexpr int kUnavailableCriticalExtension = 12;
inline constexpr int kNoSuchObject = 32;
inline constexpr int kInsufficientAccessRights = 50;
inline constexpr int kBusy = 51;
inline constexpr int kUnavailable = 52;
inline constexpr int kUnwillingToPerform = 53;
}  // namespace result_code

/// One attribute of an entry as it came: the name with its options ("member;range=1-1"), and
/// possibly no value at all, which is how DirSync says that the last one was removed.
struct EntryAttribute {
  std::string_view name;
  std::span<const std::string_view> values;
};

/// Views into a message: they end with the call that delivers them.
struct Entry {
  std::string_view dn;
  std::span<const EntryAttribute> attributes;
};

struct OwnedEntry;

/// Shows a kept entry as one that just came.
void with_views(const OwnedEntry& entry, const std::function<void(const Entry&)>& visit);

/// The same with a life of its own, for the few entries that are kept.
struct OwnedEntry {
  std::string dn;
  std::vector<std::pair<std::string, std::vector<std::string>>> attributes;

  explicit OwnedEntry(const Entry& entry);

  /// The values of `name`, compared without case; empty when it is not there.
  std::span<const std::string> values(std::string_view name) const;

  /// The first value, or "".
  std::string_view first(std::string_view name) const;
};

struct Control {
  std::string oid;
  std::string value = {};  ///< empty: the control carries none
  bool critical = false;
};

enum class Scope { base, subtree };

struct SearchRequest {
  std::string base;
  Scope scope = Scope::base;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes;
  std::vector<Control> controls = {};
};

/// SearchResultDone. Whatever its code is: that the search ended, not that it succeeded.
struct SearchEnd {
  int code = 0;
  std::string text;  ///< the code and what the server said about it, in one line
  std::vector<Control> controls;
};

/// What one take() delivered.
struct Batch {
  std::size_t entries = 0;
  std::uint64_t bytes = 0;  ///< of names and values
  std::optional<SearchEnd> end;
};

using EntryVisitor = std::function<void(const Entry&)>;

/// Used by one thread, one search at a time. After any Error the session is of no more use.
class Session {
 public:
  virtual ~Session() = default;

  /// Sends the request. REQUIRES: the search before it has ended.
  virtual base::Result<std::monostate> start(const SearchRequest& request) = 0;

  /// Delivers up to `most` entries to `visit`; returns when there are as many or the search ended.
  /// Every wait inside is bounded, and a stop is seen within a second.
  virtual base::Result<Batch> take(std::size_t most, const EntryVisitor& visit,
                                   std::stop_token stop) = 0;
};

/// Counts what goes through a session.
class CountingSession final : public Session {
 public:
  explicit CountingSession(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  base::Result<std::monostate> start(const SearchRequest& request) override;
  base::Result<Batch> take(std::size_t most, const EntryVisitor& visit,
                           std::stop_token stop) override;

  /// Since the last time this was asked: requests, and bytes of names and values.
  std::pair<int, std::uint64_t> counted() {
    return {std::exchange(requests_, 0), std::exchange(bytes_, 0)};
  }

 private:
  std::unique_ptr<Session> session_;
  int requests_ = 0;
  std::uint64_t bytes_ = 0;
};

struct Answer {
  SearchEnd end;
  std::vector<OwnedEntry> entries;
};

/// A whole search at once. Only for searches that return a handful of entries.
base::Result<Answer> search(Session& session, const SearchRequest& request, std::stop_token stop);

}  // namespace gald::ad
