#include <utility>

#include "ad/dirsync.hpp"
#include "ad/feed.hpp"

namespace gald::ad {

namespace {

class DirSyncFeed final : public Feed {
 public:
  DirSyncFeed(FeedRequest request, std::uint32_t flags, std::string cookie)
      : request_(std::move(request)), flags_(flags), cookie_(std::move(cookie)) {}

  base::Result<Step> take(Session& session, std::size_t most, const EntryVisitor& visit,
                          std::stop_token stop) override {
    if (!searching_)
      if (const auto started = session.start(dirsync_search(request_, flags_, cookie_)); !started)
        return started.error();
    searching_ = true;
    auto batch = session.take(most, visit, std::move(stop));
    if (!batch)
      return batch.error();
    Step step;
    if (!batch->end)
      return step;
    searching_ = false;
    if (batch->end->code != result_code::kSuccess) {
      step.refused = std::move(batch->end);
      return step;
    }
    auto answer = parse_dirsync_answer(*batch->end);
    if (!answer)
      return base::Error{base::ErrorKind::protocol, "the answer came without the DirSync control"};
    cookie_ = std::move(answer->cookie);
    step.cookie = cookie_;
    step.complete = !answer->more;  // an empty answer with more behind it is none to stop at
    return step;
  }

  bool idle() const override { return !searching_; }

 private:
  const FeedRequest request_;
  const std::uint32_t flags_;
  std::string cookie_;
  bool searching_ = false;
};

}  // namespace

SearchRequest dirsync_search(const FeedRequest& request, std::uint32_t flags,
                             std::string_view cookie) {
  return {
      .base = request.naming_context,
      .scope = Scope::subtree,
      .filter = request.filter,
      .attributes = request.attributes,
      .controls = {dirsync_control(flags, cookie), extended_dn_control(), show_deleted_control()}};
}

std::unique_ptr<Feed> make_dirsync_feed(FeedRequest request, std::uint32_t flags,
                                        std::string cookie) {
  return std::make_unique<DirSyncFeed>(std::move(request), flags, std::move(cookie));
}

}  // namespace gald::ad
