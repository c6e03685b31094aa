// One round of the collection `directory`.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ad/ad_connector.hpp"
#include "ad/feed.hpp"
#include "ad/mapping.hpp"
#include "ad/server.hpp"
#include "ad/session.hpp"
#include "ad/watermark.hpp"
#include "model/record.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

/// What is asked of `server` under these options, in either way.
FeedRequest feed_request(const AdOptions& options, const ServerFacts& server);

/// Reads with one connection, one search at a time; a second connection is opened only when the
/// configuration has a filter, which is asked for what a page brought.
///
/// A round that reads everything finds out which way the account may read: DirSync, DirSync within
/// what it may see, or polling. The rounds after it stay on that way.
///
/// The rights of the account are part of the watermark, as a change of them is not something that
/// AD reports: objects that come into view or go out of it are none that changed. A round whose
/// cursor was given under other rights is refused, so that everything is read anew; likewise when
/// another controller answers, or the same one with another past.
class DirectoryRound final : public sync::Round {
 public:
  DirectoryRound(const AdOptions& options, SessionFactory open, model::Cursor from);

  sync::Pull next(std::stop_token stop) override;

 private:
  std::optional<sync::Pull> begin(std::stop_token stop);
  std::optional<sync::Pull> compare_with_cursor(const Watermark& before, std::stop_token stop);
  void open_feed();
  sync::Pull read_page(std::stop_token stop);
  std::optional<sync::Pull> refuse(const SearchEnd& end);
  std::optional<sync::Pull> read_ranges(sync::Page& page, std::stop_token stop);
  std::optional<sync::Pull> ask_filter(sync::Page& page, std::stop_token stop);
  void add(const Entry& entry, sync::Page& page);
  sync::Failed failed(base::Error error) const;

  const AdOptions& options_;
  SessionFactory open_;
  model::Cursor from_;
  std::unique_ptr<CountingSession> session_;
  std::unique_ptr<CountingSession> filter_session_;
  ServerFacts server_;
  MappingOptions mapping_;
  std::optional<EntryMapper> mapper_;
  Watermark watermark_;      ///< of the place where the next search goes on
  std::uint64_t since_ = 0;  ///< polling: what was read before; unused in a complete read
  std::unique_ptr<Feed> feed_;
  std::vector<OwnedEntry> ranged_;  ///< with values still to be asked for
  bool over_ = false;
  bool noted_ = false;
};

}  // namespace gald::ad
