// An API over an index of people, asked without a network.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/api.hpp"
#include "api/authority.hpp"
#include "search_world.hpp"

namespace gald::api::world {

using Headers = std::vector<std::pair<std::string, std::string>>;
using nlohmann::json;

/// Takes everybody for the same one.
class Anybody final : public Authority {
 public:
  Principal admit(const net::ServerRequest&) const override { return principal; }

  bool still(const Principal&, std::string_view, const net::Peer&) const override {
    return !revoked;
  }

  Principal principal{"test", Scope::admin, {}};
  bool revoked = false;
};

inline model::Change group(int number, const std::string& name, std::vector<std::string> members) {
  model::Change change;
  change.anchor = gald::test::anchor(number);
  change.kind = model::RecordKind::group;
  change.set[model::Attribute::display_name] = {name};
  change.members_added = std::move(members);
  return change;
}

inline std::string header(const net::ServerResponse& response, const std::string& name) {
  for (const auto& [known, value] : response.headers)
    if (known == name)
      return value;
  return {};
}

/// All of a body, whichever way it is sent.
inline std::string text_of(const net::ServerResponse& response) {
  if (!response.stream)
    return response.body;
  std::string text;
  for (bool end = false; !end;) {
    const net::BodySource::Piece piece = response.stream->next();
    text += piece.bytes;
    end = piece.end;
  }
  EXPECT_EQ(text.size(), response.stream->length());
  return text;
}

/// apply() and publish() say what the sources say (search_world.hpp); then ask.
class ApiTest : public index::search_world::World {
 protected:
  /// Made for the first question, with what `services_` are by then.
  Api& api() {
    if (!api_)
      api_ = std::make_unique<Api>(file(), authority_, services_);
    return *api_;
  }

  net::ServerResponse ask(const std::string& target, Headers headers = {},
                          const std::string& method = "GET", std::string body = {}) {
    return api().answer({method, target, std::move(headers), std::move(body), {}});
  }

  /// The body of an answer with this status; both are JSON.
  json get(const std::string& target, int status = 200) {
    const net::ServerResponse response = ask(target);
    EXPECT_EQ(response.status, status) << target << ": " << response.body;
    return json::parse(response.body, nullptr, false);
  }

  /// What a problem says.
  std::string refused(const std::string& target, int status = 400) {
    return get(target, status).value("detail", "");
  }

  std::string id_of(const std::string& name) {
    return index::Reader(file()).find(name).at(0).entry.id;
  }

  Anybody authority_;
  Services services_{clock_, "1.2.3"};

 private:
  std::unique_ptr<Api> api_;
};

}  // namespace gald::api::world
