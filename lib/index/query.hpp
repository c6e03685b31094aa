// Prepared statements, kept for as long as their connection, and a short way to use one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/packed_guid.hpp"

namespace gald::index {

/// A value that is bound as bytes, not as text; it must live as long as the Query.
struct Blob {
  const std::string& bytes;
};

/// An anchor is bound as the tables of staging have it: packed, if it is a GUID.
struct Anchor {
  std::string_view text;
};

class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_(database) {}

  SQLite::Statement& prepared(std::string_view sql) {
    // most callers pass a literal, whose address leads to it at once
    Recent& recent = recent_[reinterpret_cast<std::uintptr_t>(sql.data()) / 16 % recent_.size()];
    if (recent.statement != nullptr && recent.sql == sql)
      return *recent.statement;
    const auto& [text, statement] = find(sql);
    recent = {text, statement.get()};
    return *statement;
  }

 private:
  struct Recent {
    std::string_view sql;  ///< in statements_
    SQLite::Statement* statement = nullptr;
  };

  struct Hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view sql) const {
      return std::hash<std::string_view>{}(sql);
    }
  };

  using BySql =
      std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>, Hash, std::equal_to<>>;

  const BySql::value_type& find(std::string_view sql) {
    auto it = statements_.find(sql);
    if (it == statements_.end()) {
      auto statement = std::make_unique<SQLite::Statement>(database_, std::string(sql));
      it = statements_.emplace(std::string(sql), std::move(statement)).first;
    }
    return *it;
  }

  SQLite::Database& database_;
  BySql statements_;
  std::array<Recent, 64> recent_{};
};

/// One use of a prepared statement: bind, then run() or next(). Reset at the end of its scope, so
/// that no read transaction stays open. The same SQL must not be in use twice at a time.
class Query {
 public:
  Query(Statements& statements, std::string_view sql) : statement_(statements.prepared(sql)) {}

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  /// What was bound stays until the next use replaces it, and is not looked at before.
  ~Query() { statement_.tryReset(); }

  /// Values for all of ?1, ?2, ... in order. A named string, optional or not, must live as long as
  /// this object.
  template <typename... Values>
  Query& bind(Values&&... values) {
    int position = 0;
    (bind_one(++position, std::forward<Values>(values)), ...);
    return *this;
  }

  /// A value for a parameter with a name (":kind"), which the SQL must contain.
  template <typename Value>
  Query& bind_named(const char* parameter, Value&& value) {
    bind_one(statement_.getIndex(parameter), std::forward<Value>(value));
    return *this;
  }

  /// Moves to the next row; false after the last.
  bool next() { return statement_.executeStep(); }

  /// For statements without rows. Returns how many rows they changed.
  int run() { return statement_.exec(); }

  std::int64_t integer(int column) { return statement_.getColumn(column).getInt64(); }

  /// Of a column with milliseconds since 1970, which is what a TimePoint is bound as.
  base::TimePoint time(int column) {
    return base::TimePoint(std::chrono::milliseconds(integer(column)));
  }

  double real(int column) { return statement_.getColumn(column).getDouble(); }

  std::string text(int column) { return statement_.getColumn(column).getString(); }

  /// The text of what was bound as an Anchor.
  std::string anchor(int column) {
    std::string found = text(column);
    return statement_.getColumn(column).isBlob() ? unpacked_guid(found) : found;
  }

  /// The first column of all rows that are left.
  std::vector<std::int64_t> integers() {
    std::vector<std::int64_t> found;
    while (next())
      found.push_back(integer(0));
    return found;
  }

  bool is_null(int column) { return statement_.getColumn(column).isNull(); }

  std::optional<std::string> optional_text(int column) {
    return is_null(column) ? std::nullopt : std::optional(text(column));
  }

 private:
  template <typename Value>
  void bind_one(int position, Value&& value) {
    using Plain = std::remove_cvref_t<Value>;
    if constexpr (std::is_same_v<Plain, std::nullptr_t>) {
      statement_.bind(position);
    } else if constexpr (std::is_same_v<Plain, Blob>) {
      statement_.bindNoCopy(position, value.bytes.data(), static_cast<int>(value.bytes.size()));
    } else if constexpr (std::is_same_v<Plain, std::optional<std::string>>) {
      if (!value)
        statement_.bind(position);
      else if constexpr (std::is_lvalue_reference_v<Value>)
        statement_.bindNoCopy(position, *value);
      else
        statement_.bind(position, *value);
    } else if constexpr (std::is_same_v<Plain, std::string>) {
      if constexpr (std::is_lvalue_reference_v<Value>)
        statement_.bindNoCopy(position, value);
      else
        statement_.bind(position, value);
    } else if constexpr (std::is_same_v<Plain, std::string_view>) {
      statement_.bind(position, std::string(value));
    } else if constexpr (std::is_same_v<Plain, Anchor>) {
      if (const std::optional<std::string> packed = packed_guid(value.text))
        statement_.bind(position, packed->data(), static_cast<int>(packed->size()));
      else
        statement_.bind(position, std::string(value.text));
    } else if constexpr (std::is_same_v<Plain, std::optional<Anchor>>) {
      if (value)
        bind_one(position, *value);
      else
        statement_.bind(position);
    } else if constexpr (std::is_same_v<Plain, base::TimePoint>) {
      statement_.bind(position, static_cast<std::int64_t>(value.time_since_epoch().count()));
    } else if constexpr (std::is_floating_point_v<Plain>) {
      statement_.bind(position, static_cast<double>(value));
    } else {
      statement_.bind(position, static_cast<std::int64_t>(value));
    }
  }

  SQLite::Statement& statement_;
};

}  // namespace gald::index
