// What a cloud connector is told of its service.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "net/credential.hpp"

namespace gald::cloud {

struct ServiceOptions {
  std::string name;    ///< of the connector
  std::string tenant;  ///< GUID or verified domain
  std::string client_id;
  net::Credential credential;
  std::string login_endpoint;     ///< "https://login.microsoftonline.com"
  std::string endpoint;           ///< root of the service: "https://graph.microsoft.com"
  std::string scope;              ///< of the tokens; empty: "{endpoint}/.default"
  std::filesystem::path ca_file;  ///< empty: the system's store
  std::string proxy = {};         ///< as HttpClientOptions have them, like the next two
  net::SecretProvider proxy_credentials = {};
  std::uint64_t body_limit = 64u * 1024 * 1024;

  /// How often everything is read and compared, as the services do not tell all that happens.
  std::chrono::milliseconds complete_every{std::chrono::hours(168)};
};

}  // namespace gald::cloud
