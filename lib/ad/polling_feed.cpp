#include <utility>

#include "ad/ber.hpp"
#include "ad/dirsync.hpp"
#include "ad/feed.hpp"

namespace gald::ad {

namespace {

class PollingFeed final : public Feed {
 public:
  PollingFeed(FeedRequest request, std::optional<std::uint64_t> usn) {
    search_ = {.base = std::move(request.naming_context),
               .scope = Scope::subtree,
               .filter = std::move(request.filter),
               .attributes = std::move(request.attributes),
               .controls = {paged_control(kPageLimit, {})}};
    if (request.extended_dns)
      search_.controls.push_back(extended_dn_control());
    if (!usn)
      return;
    search_.filter = "(&" + search_.filter + "(uSNChanged>=" + std::to_string(*usn + 1) + "))";
    search_.controls.push_back(show_deleted_control());
    if (request.show_recycled)
      search_.controls.push_back(show_recycled_control());
  }

  base::Result<Step> take(Session& session, std::size_t most, const EntryVisitor& visit,
                          std::stop_token stop) override {
    if (!searching_)
      if (const auto started = session.start(search_); !started)
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
    const auto next = parse_paged_answer(*batch->end);
    if (!next)
      return base::Error{base::ErrorKind::protocol,
                         "the answer came without the paged results control"};
    search_.controls[0] = paged_control(kPageLimit, *next);
    step.complete = next->empty();
    if (step.complete)
      step.cookie.emplace();
    return step;
  }

  bool idle() const override { return !searching_; }

 private:
  SearchRequest search_;
  bool searching_ = false;
};

}  // namespace

std::unique_ptr<Feed> make_polling_feed(FeedRequest request, std::optional<std::uint64_t> usn) {
  return std::make_unique<PollingFeed>(std::move(request), usn);
}

Control paged_control(std::int32_t size, std::string_view cookie) {
  return {
      std::string(kPagedOid),
      ber::element(ber::kSequence, ber::integer(size) + ber::element(ber::kOctetString, cookie)),
      true};
}

std::optional<std::string> parse_paged_answer(const SearchEnd& end) {
  for (const Control& control : end.controls) {
    if (control.oid != kPagedOid)
      continue;
    std::string_view value = control.value;
    auto sequence = ber::take(value, ber::kSequence);
    if (!sequence || !ber::take(*sequence, ber::kInteger))
      return std::nullopt;
    const auto cookie = ber::take(*sequence, ber::kOctetString);
    return cookie ? std::optional(std::string(*cookie)) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace gald::ad
