// Every route with whatever stands in its place-holders, its query and its headers, over an index
// of people, asked by somebody who sees everything or a part: answered or refused, and never with
// 500.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <stdlib.h>

#include "api/api.hpp"
#include "api/authority.hpp"
#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/log.hpp"
#include "index/index.hpp"
#include "index/reader.hpp"

namespace {

using namespace gald;
using model::Attribute;

void require(bool holds, const net::ServerRequest& request, const net::ServerResponse& response) {
  if (holds)
    return;
  std::fprintf(stderr, "%s %s: %d\n%s\n", request.method.c_str(), request.target.c_str(),
               response.status, response.body.c_str());
  std::abort();
}

class Somebody final : public api::Authority {
 public:
  api::Principal admit(const net::ServerRequest&) const override { return who; }

  api::Principal who{"somebody", api::Scope::admin, {}};
};

model::Change person(int number) {
  const std::string name = "Person" + std::to_string(number);
  model::Change change;
  char anchor[40];
  std::snprintf(anchor, sizeof anchor, "%08x-0000-4000-8000-000000000000", number);
  change.anchor = anchor;
  change.kind = number % 3 == 0 ? model::RecordKind::user : model::RecordKind::contact;
  change.set[Attribute::display_name] = {name};
  change.set[Attribute::mail] = {name + "@example.com"};
  change.set[Attribute::business_phones] = {"+49 89 555" + std::to_string(number)};
  return change;
}

struct World {
  World() {
    base::log::start(base::log::Level::error);
    std::string name = (std::filesystem::temp_directory_path() / "gald-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      std::abort();
    folder = name;
    index::Index index(folder / "gald.db", clock);
    const index::CollectionKey contacts{"entra", model::ConnectorKind::entra, "contacts", "v1",
                                        false};
    for (int round = 0; round < 3; ++round) {
      const std::int64_t run = index.begin_run();
      index.position(contacts);
      std::vector<model::Change> page;
      for (int number = 0; number < 20; ++number)
        page.push_back(person(number));
      page.at(0).set[Attribute::job_title] = {"round " + std::to_string(round)};
      model::Change group;
      group.anchor = "0000ffff-0000-4000-8000-000000000000";
      group.kind = model::RecordKind::group;
      group.set[Attribute::display_name] = {"Sales"};
      for (int number = 0; number < 5; ++number)
        group.members_added.push_back(page.at(static_cast<std::size_t>(number)).anchor);
      page.push_back(group);
      index.apply(contacts, std::move(page), {}, model::Cursor{std::to_string(round), ""}, true);
      index.publish(run, {}, {});
    }
    const index::Reader reader(folder / "gald.db");
    id = reader.find("person1@example.com").at(0).entry.id;
    group_id = reader.find("Sales").at(0).entry.id;
    part.groups = {group_id};
    part.attributes = {"displayName", "mail"};
    api = std::make_unique<api::Api>(folder / "gald.db", somebody,
                                     api::Services{.clock = clock, .version = "1"});
  }

  std::filesystem::path folder;
  base::SystemClock clock;
  std::string id;
  std::string group_id;
  index::Permission part;
  Somebody somebody;
  std::unique_ptr<api::Api> api;
};

World& world() {
  static World* const made = [] {
    World* const fresh = new World;
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(world().folder, ignored);
    });
    return fresh;
  }();
  return *made;
}

/// The input's lines, one after the other; then empty ones.
class Lines {
 public:
  explicit Lines(std::string_view input) : rest_(input) {}

  std::string_view next() {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return line;
  }

 private:
  std::string_view rest_;
};

std::string segment(std::string_view given) {
  if (given == "ID")
    return world().id;
  if (given == "GROUP")
    return world().group_id;
  return base::percent_encode(given);
}

std::string path_of(const api::Route& route, Lines& lines) {
  std::string path;
  for (std::size_t i = 0; i < route.pattern.size(); ++i) {
    if (route.pattern[i] != '{') {
      path += route.pattern[i];
      continue;
    }
    i = route.pattern.find('}', i);
    path += segment(lines.next());
  }
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  api::Api& api = *world().api;
  const std::vector<api::Route>& routes = api.router().routes();
  const api::Route& route = routes[data[0] % routes.size()];
  world().somebody.who = data[1] % 2 == 0
                             ? api::Principal{"somebody", api::Scope::admin, {}}
                             : api::Principal{"somebody", api::Scope::read, world().part};
  Lines lines(std::string_view(reinterpret_cast<const char*>(data) + 2, size - 2));
  net::ServerRequest request;
  request.method = data[1] % 3 == 0 && route.method == "GET" ? "HEAD" : route.method;
  request.target = path_of(route, lines);
  // the first parameters by their numbers: a fuzzer should not have to guess their names
  std::string query;
  for (std::string_view line = lines.next(); !line.empty() && query.size() < 4000;
       line = lines.next()) {
    const std::size_t number = static_cast<unsigned char>(line[0]);
    query += query.empty() ? "?" : "&";
    query += number < route.parameters.size() ? std::string(route.parameters[number]) + "=" +
                                                    base::percent_encode(line.substr(1))
                                              : std::string(line);
  }
  request.target += query;
  request.headers = {{"If-None-Match", std::string(lines.next())},
                     {"Accept", data[1] % 5 == 0 ? "text/event-stream" : "*/*"},
                     {"Content-Type", "application/json"}};
  request.body = std::string(lines.next());
  request.waited = true;

  net::ServerResponse response = api.answer(request);
  require(response.status >= 200 && response.status < 600 && response.status != 500, request,
          response);
  for (const auto& [name, value] : response.headers)
    require((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            request, response);
  if (response.stream && request.method != "HEAD")
    for (int piece = 0; piece < 100; ++piece) {
      const net::BodySource::Piece next = response.stream->next();
      if (next.end || next.bytes.empty())
        break;
    }
  for (const auto& [name, value] : response.headers)
    if (name == "Content-Type" && !response.stream && !response.body.empty() &&
        (value == "application/json" || value == "application/problem+json"))
      require(nlohmann::json::accept(response.body), request, response);
  return 0;
}
