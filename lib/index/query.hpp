// Prepared statements, kept for as long as their connection, and a short way to use one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include <SQLiteCpp/SQLiteCpp.h>

namespace gald::index {

class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_(database) {}

  SQLite::Statement& prepared(std::string_view sql) {
    const auto it = statements_.find(sql);
    if (it != statements_.end())
      return *it->second;
    auto statement = std::make_unique<SQLite::Statement>(database_, std::string(sql));
    return *statements_.emplace(std::string(sql), std::move(statement)).first->second;
  }

 private:
  struct Hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view sql) const {
      return std::hash<std::string_view>{}(sql);
    }
  };

  SQLite::Database& database_;
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>, Hash, std::equal_to<>>
      statements_;
};

/// One use of a prepared statement: bind, then run() or next(). Reset at the end of its scope, so
/// that no read transaction stays open. The same SQL must not be in use twice at a time.
class Query {
 public:
  Query(Statements& statements, std::string_view sql) : statement_(statements.prepared(sql)) {}

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  ~Query() {
    statement_.tryReset();
    try {
      statement_.clearBindings();
    } catch (const SQLite::Exception&) {  // the next bind() replaces every value anyway
    }
  }

  /// Values for ?1, ?2, ... in order. A named string must live as long as this object.
  template <typename... Values>
  Query& bind(Values&&... values) {
    int position = 0;
    (bind_one(++position, std::forward<Values>(values)), ...);
    return *this;
  }

  /// Moves to the next row; false after the last.
  bool next() { return statement_.executeStep(); }

  /// For statements without rows. Returns how many rows they changed.
  int run() { return statement_.exec(); }

  std::int64_t integer(int column) { return statement_.getColumn(column).getInt64(); }

  std::string text(int column) { return statement_.getColumn(column).getString(); }

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
    } else if constexpr (std::is_same_v<Plain, std::optional<std::string>>) {
      if (value)
        statement_.bind(position, *value);
      else
        statement_.bind(position);
    } else if constexpr (std::is_same_v<Plain, std::string>) {
      if constexpr (std::is_lvalue_reference_v<Value>)
        statement_.bindNoCopy(position, value);
      else
        statement_.bind(position, value);
    } else if constexpr (std::is_same_v<Plain, std::string_view>) {
      statement_.bind(position, std::string(value));
    } else if constexpr (std::is_floating_point_v<Plain>) {
      statement_.bind(position, static_cast<double>(value));
    } else {
      statement_.bind(position, static_cast<std::int64_t>(value));
    }
  }

  SQLite::Statement& statement_;
};

}  // namespace gald::index
