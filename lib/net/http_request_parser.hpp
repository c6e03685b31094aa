// Beast's parser of requests, and what is refused of what it would let pass. Included by
// http_session.hpp only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/text.hpp"

namespace gald::net {

namespace http = boost::beast::http;
using boost::system::error_code;

/// The head of a request in one block of memory that the next request uses again.
class RequestText {
 public:
  std::string_view method() const { return view(method_); }

  std::string_view target() const { return view(target_); }

  int version() const { return version_; }

  bool started() const { return method_.size != 0; }

  std::size_t fields() const { return fields_.size(); }

  std::string_view name(std::size_t i) const { return view(fields_[i].name); }

  std::string_view value(std::size_t i) const { return view(fields_[i].value); }

  /// Of several the first; empty when there is none.
  std::string_view value_of(http::field known) const {
    for (const Field& field : fields_)
      if (field.known == known)
        return view(field.value);
    return {};
  }

  std::size_t count(http::field known) const {
    std::size_t found = 0;
    for (const Field& field : fields_)
      found += field.known == known;
    return found;
  }

  void begin(std::string_view method, std::string_view target, int version) {
    method_ = put(method);
    target_ = put(target);
    version_ = version;
  }

  void add(http::field known, std::string_view name, std::string_view value) {
    const Range kept = put(name);
    fields_.push_back({known, kept, put(value)});
  }

  void clear() {
    constexpr std::size_t kKept = 2048;
    constexpr std::size_t kFieldsKept = 16;
    text_.clear();
    fields_.clear();
    if (text_.capacity() > kKept)
      text_.shrink_to_fit();
    if (fields_.capacity() > kFieldsKept)
      fields_.shrink_to_fit();
    method_ = target_ = {};
  }

 private:
  struct Range {
    std::size_t at = 0;
    std::size_t size = 0;
  };

  struct Field {
    http::field known;
    Range name;
    Range value;
  };

  std::string_view view(Range range) const {
    return std::string_view(text_).substr(range.at, range.size);
  }

  Range put(std::string_view text) {
    const Range range{text_.size(), text.size()};
    text_ += text;
    return range;
  }

  std::string text_;
  std::vector<Field> fields_;
  Range method_;
  Range target_;
  int version_ = 11;
};

class RequestParser : public http::basic_parser<true> {
 public:
  static constexpr std::size_t kMostFields = 100;

  RequestParser(RequestText& text, std::string& body, std::size_t header_limit,
                std::size_t body_limit)
      : text_(text), body_(body), header_limit_(header_limit) {
    this->header_limit(static_cast<std::uint32_t>(header_limit));
    this->body_limit(body_limit);
  }

 private:
  using View = boost::beast::string_view;

  static std::string_view std_view(View view) { return {view.data(), view.size()}; }

  void on_request_impl(http::verb, View method, View target, int version, error_code&) override {
    text_.begin(std_view(method), std_view(target), version);
  }

  void on_response_impl(int, View, int, error_code&) override {}

  void on_field_impl(http::field known, View name, View value, error_code& ec) override {
    // Beast compares its limit only with what it was given and has not read yet: whoever sends a
    // field at a time would never come to it.
    fields_size_ += name.size() + value.size() + std::string_view(": \r\n").size();
    if (text_.fields() == kMostFields || fields_size_ > header_limit_) {
      ec = http::error::header_limit;
      return;
    }
    // Whoever stands in front of us may read these in another way than Beast does, and so see the
    // end of the request elsewhere (RFC 9112 section 11.2).
    const std::string_view text = std_view(value);
    if (known == http::field::content_length &&
        (text.find_first_not_of("0123456789") != text.npos || text_.count(known) != 0))
      ec = http::error::bad_content_length;
    // Bodies that come in chunks are not taken (RFC 9112 section 6.3 allows that): Beast 1.81 stops
    // the program where the first chunk is the last and comes in pieces, and nobody needs them
    // here.
    if (known == http::field::transfer_encoding)
      ec = http::error::bad_transfer_encoding;
    text_.add(known, std_view(name), text);
  }

  void on_header_impl(error_code&) override {}

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(View piece, error_code&) override {
    body_.append(piece.data(), piece.size());
    return piece.size();
  }

  void on_chunk_header_impl(std::uint64_t, View, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, View, error_code&) override { return 0; }

  void on_finish_impl(error_code&) override {}

  RequestText& text_;
  std::string& body_;
  const std::size_t header_limit_;
  std::size_t fields_size_ = 0;
};

}  // namespace gald::net
