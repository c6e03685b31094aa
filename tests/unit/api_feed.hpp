// The feed as its clients read it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api_fixture.hpp"
#include "base/text.hpp"

namespace gald::api::world {

inline const std::string kChanges = "/api/identity/changes";

/// Everything that is there, by id, as a snapshot tells it.
inline std::map<std::string, json> copied(const std::string& snapshot, std::string& position) {
  std::map<std::string, json> copy;
  for (const std::string_view line : base::split(snapshot, '\n')) {
    if (line.empty())
      continue;
    json item = json::parse(line);
    if (item.contains("position")) {
      position = item["position"];
      continue;
    }
    const std::string id = item["id"];
    item.erase("number");
    copy[id] = std::move(item);
  }
  return copy;
}

inline void apply_to(std::map<std::string, json>& copy, json item) {
  const std::string id = item.at("id");
  item.erase("number");
  if (item["action"] == "purge")
    copy.erase(id);
  else
    copy[id] = std::move(item);
}

/// The events of a stream, as far as it has any.
struct Event {
  std::string name;
  std::string id;
  std::string data;
};

inline std::vector<Event> events_in(const std::string& text) {
  std::vector<Event> events;
  Event event;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view field = line.substr(0, colon);
    const std::string value(line.substr(std::min(colon + 2, line.size())));
    if (field == "event")
      event.name = value;
    else if (field == "id")
      event.id = value;
    else if (field == "data")
      event.data = value;
    else if (line.empty()) {
      if (!event.data.empty())  // else it only says where the stream is
        events.push_back(event);
      event = {};
    }
  }
  return events;
}

class FeedTest : public ApiTest {
 protected:
  std::string snapshot() {
    const net::ServerResponse response = ask(kChanges + "/snapshot");
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(header(response, "Content-Type"), "application/jsonl");
    return text_of(response);
  }

  std::string position() {
    std::string found;
    copied(snapshot(), found);
    return found;
  }

  /// What stands in the stream now, up to where it would wait.
  std::string ready(net::BodySource& stream, bool* ended = nullptr) {
    std::string text;
    for (;;) {
      const net::BodySource::Piece piece = stream.next();
      text += piece.bytes;
      if (ended != nullptr)
        *ended = piece.end;
      if (piece.end || (piece.bytes.empty() && piece.ask_again.count() > 0))
        return text;
    }
  }

  std::shared_ptr<net::BodySource> stream(const std::string& query, Headers headers = {}) {
    headers.emplace_back("Accept", "text/html, text/event-stream;q=0.9");
    const net::ServerResponse response = ask(kChanges + query, std::move(headers));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(header(response, "Content-Type"), "text/event-stream");
    return response.stream;
  }

  /// Something is published, and then nobody remembers it.
  void forget_everything() {
    apply({index::search_world::named(900, "Late", "Comer")});
    publish();
    clock_.advance(std::chrono::hours(1000));
    index_->publish(index_->begin_run(), {.keep_history = std::chrono::hours(1)}, {});
  }
};

}  // namespace gald::api::world
