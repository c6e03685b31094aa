#include "api/feed_stream.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/problem.hpp"
#include "api/spool.hpp"
#include "export/history_json.hpp"

namespace gald::api {

namespace {

using Standing = index::FeedAnswer::Standing;
using std::chrono::milliseconds;

constexpr milliseconds kHeartbeat = std::chrono::seconds(15);

/// Clients that are gone without a word are not kept for ever.
constexpr milliseconds kLife = std::chrono::minutes(5);

/// Items of the feed that are looked up at a time. Of one change that concerns many contacts there
/// may be more: they wait on the disk.
constexpr int kItems = 1000;

constexpr std::size_t kPiece = 64 * 1024;

/// What is to be sent, made from one look at the feed.
class Batch {
 public:
  Batch(const std::filesystem::path& folder, const std::string& client, std::string feed)
      : spool_(folder, client), feed_(std::move(feed)) {}

  /// Of items that owe it to one change only the last one names the position: who has it has all.
  void add(std::int64_t number, std::string data) {
    if (held_)
      write(held_->first != number);
    held_.emplace(number, std::move(data));
  }

  void end() {
    if (held_)
      write(true);
    held_.reset();
    spool_.settle();
  }

  std::string next_piece() {
    std::string bytes = spool_.read(sent_, kPiece);
    sent_ += bytes.size();
    return bytes;
  }

 private:
  void write(bool with_position) {
    std::string event = "event: change\n";
    if (with_position)
      event += "id: " + index::to_string({feed_, held_->first}) + "\n";
    spool_.write(event + "data: " + held_->second + "\n\n");
  }

  Spool spool_;
  const std::string feed_;
  std::optional<std::pair<std::int64_t, std::string>> held_;  ///< until the next one is known
  std::uint64_t sent_ = 0;
};

class FeedStream final : public net::BodySource {
 public:
  FeedStream(ReaderPool& pool, Principal who, index::FeedPosition after, bool compact,
             const base::Clock& clock)
      : pool_(pool),
        who_(std::move(who)),
        position_(std::move(after)),
        compact_(compact),
        clock_(clock),
        ends_at_(clock.now() + kLife),
        last_sent_(clock.now()) {}

  Piece next() override {
    if (!begun_) {
      begun_ = true;
      return sent({"retry: 2000\n" + where(), false});
    }
    if (std::string bytes = rest_of_batch(); !bytes.empty())
      return sent({std::move(bytes), false});
    if (clock_.now() >= ends_at_)
      return {"", true};
    const index::FeedAnswer answer = look();
    if (answer.standing != Standing::known)
      return {"event: gone\ndata: " + gone_body(answer.standing) + "\n\n", true};
    position_ = answer.next;
    if (std::string bytes = rest_of_batch(); !bytes.empty())
      return sent({std::move(bytes), false});
    if (answer.more)
      return {"", false, milliseconds(0)};
    const milliseconds silent = clock_.now() - last_sent_;
    if (silent >= kHeartbeat)
      return sent({":\n" + where(), false});
    return {"", false, kHeartbeat - silent};
  }

 private:
  Piece sent(Piece piece) {
    last_sent_ = clock_.now();
    return piece;
  }

  /// No event, and still the position to come back with: nothing may ever happen on this stream.
  std::string where() const { return "id: " + index::to_string(position_) + "\n\n"; }

  std::string rest_of_batch() {
    if (!batch_)
      return {};
    std::string bytes = batch_->next_piece();
    if (bytes.empty())
      batch_.reset();
    return bytes;
  }

  /// Makes a batch. The connection to the index is given back before anything is sent.
  index::FeedAnswer look() {
    const ReaderPool::Loan readers = pool_.take(who_.permission);
    const index::Feed& feed = (*readers).feed();
    batch_.emplace((*readers).index_file().parent_path(), who_.name, position_.feed);
    index::FeedAnswer answer;
    if (compact_)
      answer = feed.compacted(position_, kItems, [&](const index::FeedItem& item) {
        batch_->add(item.number, exporting::to_json(item));
      });
    else
      answer = feed.changes(position_, kItems, [&](const model::HistoryLine& line) {
        batch_->add(line.number, exporting::to_json(line));
      });
    batch_->end();
    return answer;
  }

  ReaderPool& pool_;
  const Principal who_;
  index::FeedPosition position_;  ///< behind all of the batch
  const bool compact_;
  const base::Clock& clock_;
  const base::TimePoint ends_at_;
  base::TimePoint last_sent_;
  std::optional<Batch> batch_;
  bool begun_ = false;
};

}  // namespace

std::string gone_detail(Standing standing) {
  const std::string reason =
      standing == Standing::too_old
          ? "the position is too old: some of what came after it is forgotten, or was before the"
            " token was made"
          : "the position is not one of this index: it was restored or made anew";
  return reason + "; read the snapshot and go on from its position";
}

std::string gone_body(Standing standing) {
  auto body = nlohmann::ordered_json::parse(problem(410, gone_detail(standing)).body);
  body["snapshot"] = "/api/identity/changes/snapshot";
  return body.dump();
}

std::shared_ptr<net::BodySource> feed_stream(ReaderPool& pool, const Principal& who,
                                             const index::FeedPosition& after, bool compact,
                                             const base::Clock& clock) {
  return std::make_shared<FeedStream>(pool, who, after, compact, clock);
}

}  // namespace gald::api
