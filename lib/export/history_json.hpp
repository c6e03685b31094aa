// What was published as JSON: lines of the history and items of the feed (docs/feed.md). Command
// line and REST both use it.
#pragma once

#include <string>

#include "index/feed.hpp"
#include "model/entry.hpp"

namespace gald::exporting {

/// One object on one line.
std::string to_json(const model::HistoryLine& line);
std::string to_json(const index::FeedItem& item);

/// {"position":"2f5c0a7d91e3b846.4711","more":false}: the last line of what was asked of the feed.
std::string position_json(const index::FeedAnswer& answer);

}  // namespace gald::exporting
