// One round of the collection `directory`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "ad/ad_connector.hpp"
#include "ad/dirsync.hpp"
#include "ad/server.hpp"
#include "ad/session.hpp"
#include "model/record.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

inline constexpr std::uint32_t kBaseFlags =
    dirsync_flag::kIncrementalValues | dirsync_flag::kAncestorsFirst;

/// The DirSync search behind a round: everything in `naming_context` that changed since `cookie`.
SearchRequest dirsync_search(const std::string& naming_context, std::uint32_t flags,
                             std::string_view cookie);

/// Reads with one connection and, when the controller says that nothing is left, one search.
///
/// The rights of the account are part of the cursor, as a change of them is not something that
/// DirSync reports: objects that come into view or go out of it are none that changed. A round
/// whose cursor was given under other rights is refused, so that everything is read anew.
class DirSyncRound final : public sync::Round {
 public:
  DirSyncRound(const AdOptions& options, SessionFactory open, model::Cursor from);

  sync::Pull next(std::stop_token stop) override;

 private:
  std::optional<sync::Pull> begin(std::stop_token stop);
  std::optional<sync::Pull> compare_with_cursor(const Position& before, std::stop_token stop);
  std::optional<sync::Pull> start_search();
  sync::Pull read_page(std::stop_token stop);
  std::optional<sync::Pull> refuse(const SearchEnd& end);
  void add(const Entry& entry, sync::Page& page);
  sync::Failed failed(base::Error error) const;

  const AdOptions& options_;
  SessionFactory open_;
  model::Cursor from_;
  std::unique_ptr<Session> session_;
  ServerFacts server_;
  Position position_;  ///< where the next search goes on
  bool searching_ = false;
  bool over_ = false;
  bool noted_ = false;
  int requests_ = 0;  ///< not yet accounted for in a page
};

}  // namespace gald::ad
