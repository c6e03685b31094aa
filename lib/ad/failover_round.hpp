// A round that survives the loss of its connection.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "model/record.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

/// Goes on from the last cursor that was handed out, with a new round, when the one under way ends
/// with ErrorKind::broken. Pages that came after that cursor come again, which the port allows.
/// Twice at most: a directory that breaks more often is left alone until the next cycle.
class FailoverRound final : public sync::Round {
 public:
  /// Makes a round that opens a connection of its own.
  using Begin = std::function<std::unique_ptr<sync::Round>(const model::Cursor& from)>;

  /// Is told of each loss, before the new round begins.
  using Lost = std::function<void(const base::Error& error)>;

  /// Who is at the other end of the connection, "" without one: errors begin with it.
  using Peer = std::function<std::string()>;

  FailoverRound(Begin begin, Lost lost, Peer peer, model::Cursor from);

  sync::Pull next(std::stop_token stop) override;

 private:
  Begin begin_;
  Lost lost_;
  Peer peer_;
  model::Cursor cursor_;
  std::unique_ptr<sync::Round> round_;
  int left_ = 2;
};

}  // namespace gald::ad
