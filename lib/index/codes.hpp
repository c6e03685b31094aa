// Words that tables keep as numbers, for which SQLite needs a byte or none. The tables have
// generated columns that give the words back (schema.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace gald::index {

// A code is a place in the list: new words come at the end.
inline constexpr std::array<std::string_view, 4> kRecordKinds = {"contact", "user", "group",
                                                                 "container"};
inline constexpr std::array<std::string_view, 5> kPresences = {"live", "soft_deleted", "deleted",
                                                               "absent", "out_of_scope"};
inline constexpr std::array<std::string_view, 11> kJoinKeys = {"",
                                                               "source-anchor",
                                                               "security-identifier",
                                                               "object-guid",
                                                               "external-directory-object-id",
                                                               "x500",
                                                               "proxy-addresses",
                                                               "external-address",
                                                               "mail",
                                                               "duplicate",
                                                               "replacement"};
inline constexpr std::array<std::string_view, 4> kEntryKinds = {"contact", "user", "guest",
                                                                "group"};
inline constexpr std::array<std::string_view, 3> kSources = {"cloud", "on_premises", "hybrid"};
inline constexpr std::array<std::string_view, 3> kStatuses = {"active", "disabled", "deleted"};
inline constexpr std::array<std::string_view, 4> kAddressKinds = {"smtp", "x500", "sip", "eum"};
inline constexpr std::array<std::string_view, 6> kPhoneTypes = {"business",    "mobile", "home",
                                                                "businessFax", "pager",  "ip"};
inline constexpr std::array<std::string_view, 4> kPhoneKinds = {"international", "national",
                                                                "internal", "unparsable"};

/// Of a record that no publication has seen, in place of the code for no key: as wide as the row of
/// the entry that is written beside it then, so that the row of the record does not grow. Those
/// that do split their pages, and leave them half empty.
inline constexpr int kNotYetJoined = 2147483647;

/// SQL that makes a word, given by an expression, its code. One that has none stays what it is.
template <typename Words>
std::string code_of(std::string_view word, const Words& words) {
  std::string sql = "CASE ";
  sql += word;
  for (std::size_t code = 0; code < words.size(); ++code)
    sql.append(" WHEN '").append(words[code]).append("' THEN ").append(std::to_string(code));
  return sql.append(" ELSE ").append(word).append(" END");
}

/// The other way: what the generated columns are, as an expression for a query that is to be
/// answered from an index over the codes alone.
template <typename Words>
std::string word_of(std::string_view code, const Words& words) {
  std::string sql = "CASE ";
  sql += code;
  for (std::size_t i = 0; i < words.size(); ++i)
    sql.append(" WHEN ").append(std::to_string(i)).append(" THEN '").append(words[i]).append("'");
  return sql.append(" ELSE ").append(code).append(" END");
}

}  // namespace gald::index
