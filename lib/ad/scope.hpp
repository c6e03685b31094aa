// Which objects of a naming context are wanted. DirSync reads whole naming contexts and reports an
// object that leaves a filter as little as one that was never there, so that what is in scope is
// decided here, object by object, and for whole OUs in staging, which knows the tree.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ad/session.hpp"
#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::ad {

/// An object is in scope when the nearest of base, include and exclude on the way up from it is no
/// exclude, and when it matches the filter. Without any of them on the way up it is in scope when
/// there is no base.
struct ScopeOptions {
  std::vector<std::string> base;     ///< OUs to read; empty: the naming context
  std::vector<std::string> include;  ///< OUs to read although they lie in one that is excluded
  std::vector<std::string> exclude;  ///< OUs to leave out
  std::string filter;                ///< RFC 4515, for contacts, users and groups; empty: all

  /// Of contact, user and group; empty: all three.
  std::set<model::RecordKind> kinds = {};

  bool limits_places() const { return !base.empty() || !include.empty() || !exclude.empty(); }

  bool wants(model::RecordKind kind) const { return kinds.empty() || kinds.contains(kind); }
};

/// Containers where a rule begins, by anchor: "in" or "out".
struct ScopeRules {
  std::map<std::string, std::string, std::less<>> containers;
  bool head_is_out = false;  ///< the naming context itself, if it is none of them
};

/// Looks the OUs up. A configured OU that is not there is an error: with its rule missing, what
/// lies in it would come or go.
base::Result<ScopeRules> find_scope(Session& session, const ScopeOptions& options,
                                    const std::string& naming_context, std::stop_token stop);

/// Selects by object class alone: every other attribute can change or be stripped from a tombstone.
/// Containers always, as the names of objects are made of theirs.
std::string class_filter(const ScopeOptions& options);

/// The attributes that a filter looks at, lower case: a change of one may change its answer. Pure.
std::set<std::string> filter_attributes(std::string_view filter);

/// Which of `anchors` are objects that match the filter, or containers, says the controller itself:
/// it knows its matching rules. In a few requests, none when `anchors` is empty.
base::Result<std::set<std::string>> matching(Session& session, const std::string& naming_context,
                                             const std::string& filter,
                                             const std::vector<std::string>& anchors,
                                             std::stop_token stop);

}  // namespace gald::ad
