#include "ad/failover_round.hpp"

#include <utility>
#include <variant>

namespace gald::ad {

FailoverRound::FailoverRound(Begin begin, Lost lost, Peer peer, model::Cursor from)
    : begin_(std::move(begin)),
      lost_(std::move(lost)),
      peer_(std::move(peer)),
      cursor_(std::move(from)) {}

sync::Pull FailoverRound::next(std::stop_token stop) {
  while (true) {
    if (!round_)
      round_ = begin_(cursor_);
    sync::Pull pull = round_->next(stop);
    if (const auto* page = std::get_if<sync::Page>(&pull); page != nullptr && page->next)
      cursor_ = *page->next;
    auto* failed = std::get_if<sync::Failed>(&pull);
    if (failed == nullptr)
      return pull;
    if (const std::string peer = peer_(); !peer.empty() && !failed->error.what.starts_with(peer))
      failed->error.what = peer + ": " + failed->error.what;
    if (failed->error.kind != base::ErrorKind::broken || left_ == 0 || stop.stop_requested())
      return pull;
    --left_;
    lost_(failed->error);
    round_.reset();
  }
}

}  // namespace gald::ad
