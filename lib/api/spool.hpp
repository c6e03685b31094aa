// Bytes that are made at the pace of the disk and sent at the pace of a client, so that a slow one
// holds neither a read transaction nor memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.hpp"

namespace gald::api {

/// Whether a file system of this size with so much free may take `more`: the index lies on it, too,
/// and whoever asks for exports must not leave the next cycle without room. 256 MiB or a twentieth
/// stay free, whichever is less.
bool leaves_room(std::uint64_t size, std::uint64_t free, std::uint64_t more);

/// What is small stays in memory; the rest goes to a file without a name, of which nothing is left
/// when it is closed or the process dies.
class Spool {
 public:
  /// So many have a file at a time, in the whole process, and so many of one client.
  static constexpr int kMostFiles = 16;
  static constexpr int kMostFilesOfAClient = 4;

  /// The file is made in `folder`; `client` is whoever it is for (Principal::name).
  Spool(const std::filesystem::path& folder, std::string client);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Refused with 503 when the disk is full but for its reserve, or too many have a file.
  void write(std::string_view bytes);

  std::uint64_t size() const { return size_; }

  /// No more than `most` bytes from there on; fewer only at the end.
  std::string read(std::uint64_t offset, std::size_t most) const;

  /// The name of the file, for a library that writes into one by itself; settle() follows then.
  std::filesystem::path file();

  /// Nothing more will be written, neither here nor into file(): what is not small leaves memory.
  /// Refused like write().
  void settle();

  const std::filesystem::path& folder() const { return folder_; }

 private:
  void open();
  void flush();
  void require_room(std::uint64_t more) const;

  const std::filesystem::path folder_;
  const std::string client_;
  std::string kept_;  ///< all of it, or what is not in the file yet
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Makes what was spooled the body of a response: sent from the file if there is one. Nothing more
/// can be written then.
void give_body(net::ServerResponse& response, const std::shared_ptr<Spool>& spool);

/// How much of what takes long may be under way: each takes a worker for as long as that lasts.
class Places {
 public:
  explicit Places(int count) : free_(count) {}

  /// One of them, until it is destroyed. Refused with 503 when all are taken.
  class Place {
   public:
    explicit Place(Places& places);

    ~Place() { ++places_.free_; }

    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Places& places_;
  };

 private:
  std::atomic<int> free_;
};

}  // namespace gald::api
