// Errors as values, for callers that branch on them. Code that can only give up throws instead.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace gald::base {

/// Only what code branches on; the text carries the rest.
enum class ErrorKind {
  network,   ///< no connection: host not found, refused, unreachable, timed out
  broken,    ///< connected, and then reset, cut off, timed out or garbled: trying again may help
  tls,       ///< the peer was reached, but its certificate or handshake was refused
  auth,      ///< the peer refused our credentials or our rights
  protocol,  ///< the peer answered something its protocol does not allow
  config,    ///< only a change of the configuration can help
  stopped,   ///< we were told to stop
};

/// `what` is one clear line that names the thing (DN, URL, file) and never contains a secret;
/// `remedy`, where there is one, says what the operator can do.
struct Error {
  ErrorKind kind = ErrorKind::protocol;
  std::string what;
  std::string remedy = {};
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` are how results are made.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}

  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  // NOLINTEND(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }

  /// REQUIRES: *this is true (else std::bad_variant_access).
  const T& value() const& { return std::get<0>(state_); }

  T& value() & { return std::get<0>(state_); }

  T&& value() && { return std::get<0>(std::move(state_)); }

  const T& operator*() const& { return value(); }

  T& operator*() & { return value(); }

  const T* operator->() const { return &value(); }

  T* operator->() { return &value(); }

  /// REQUIRES: *this is false.
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace gald::base
