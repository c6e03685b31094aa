#include "base/secret.hpp"

#include <openssl/crypto.h>

namespace gald::base {

Secret::~Secret() {
  if (!value_.empty())
    OPENSSL_cleanse(value_.data(), value_.size());
}

}  // namespace gald::base
