// Keys and a certificate for tests, made by the openssl command for this purpose: they open
// nothing.
#pragma once

namespace gald::test {

// clang-format off
/// CN=gald-test, until 2036-11-25 08:12:27 UTC; of kPrivateKey.
inline constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIDCTCCAfGgAwIBAgIUFxbZ0PxPCiFGxllGh+0dDn0LjqwwDQYJKoZIhvcNAQEL\n"
    "BQAwFDESMBAGA1UEAwwJZ2FsZC10ZXN0MB4XDTI2MTEyODA4MTIyN1oXDTM2MTEy\n"
    "NTA4MTIyN1owFDESMBAGA1UEAwwJZ2FsZC10ZXN0MIIBIjANBgkqhkiG9w0BAQEF\n"
    "AAOCAQ8AMIIBCgKCAQEAjvYoeEaEfLiJ8vgFndzGx1KIG5Sp/Iv/3Je9j4BJ1hIv\n"
    "gJ/S+zRX6m24y/x5aMuKrwpNJXTMnLHy5tuQgntQyR3gUzusr1UJpjs1bfJIrV2/\n"
    "5JgAikIVt9tCxBbmOB615sgLXqA8PvK8u5x7iElcqjYCnJAGKhqyx2zSKU1ixZxM\n"
    "esQaku+t8Zr9IGClSpr8FbKIwTv9F24a3rhnuiTQs/Olv0d46izdbtMK5pddNnDE\n"
    "l/Qe8X0GYqkDHw+cx/+x6d4p9Hwq0HuhQ8u5ckaQnZksqmapbjC8Gp1bb7HmkGZA\n"
    "wn4eM8W90VsnIRYz5mPYqc45NKaQXx954hSGE1wMKwIDAQABo1MwUTAdBgNVHQ4E\n"
    "FgQU9ftatypMCxIUXGzGZyIAAQKLNzUwHwYDVR0jBBgwFoAU9ftatypMCxIUXGzG\n"
    "ZyIAAQKLNzUwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEADzJz\n"
    "5TGfygMg26qRLs8R8mdIcUqWNwhaAy/XaCReHgltRTjA8I6FD45Okhha/dLI/ZIx\n"
    "tM68cKJ64WlO2LEF7TQ0DiVWDGeeqAlNxmOACyT6abs5dtJaRvB8rBVjSrU/aJbH\n"
    "DsnXJbh6fk89yUUIW0a+MM+POWfBUFVb68WmXfZaIjymaokIOoUqgfPmJzBYQ/kV\n"
    "xbfdCFTIFBPlfNYgvZZ4FgRbGsvPNY34YSY8x9u2A/Y4I2oTSsOR8nU2uYbN4VbW\n"
    "IWJgE1JNxyBGUzJHdNMFVt8yhZuyQoeyx0TxnsCIrGvEFmfbj8qVj9kVq9eho0mB\n"
    "2tPtVzkb2lvWf6UElA==\n"
    "-----END CERTIFICATE-----\n";

/// RSA, 2048 bits.
inline constexpr const char* kPrivateKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCO9ih4RoR8uIny\n"
    "+AWd3MbHUogblKn8i//cl72PgEnWEi+An9L7NFfqbbjL/Hloy4qvCk0ldMycsfLm\n"
    "25CCe1DJHeBTO6yvVQmmOzVt8kitXb/kmACKQhW320LEFuY4HrXmyAteoDw+8ry7\n"
    "nHuISVyqNgKckAYqGrLHbNIpTWLFnEx6xBqS763xmv0gYKVKmvwVsojBO/0Xbhre\n"
    "uGe6JNCz86W/R3jqLN1u0wrml102cMSX9B7xfQZiqQMfD5zH/7Hp3in0fCrQe6FD\n"
    "y7lyRpCdmSyqZqluMLwanVtvseaQZkDCfh4zxb3RWychFjPmY9ipzjk0ppBfH3ni\n"
    "FIYTXAwrAgMBAAECggEAMaQG/HCcC4S2nfACX0TsnwSo707JUcC5KPtlnqEQwm0R\n"
    "Iowcog6UYnoT+3zhGYLn1ozwqctrSxO9QO1Hug8gx50AqlYjycPw9FBF5rYFB3Hw\n"
    "smsXcOquiOdxQQ6khSMgzZBz5jkkgkUeRNT6ziGPNClJ8dxOz6ryni3Ksf3FiNEO\n"
    "n3znz0kQnNmfz3RVu7AJe2poUP+FZj8le71qyNJLOxnFY9+vAV0xYju+PqYpO8Ri\n"
    "661aDnsqVTFLV/OlA/EIcq+/waFlAb7qq00b0jygCCEurNj2N0nC6HWItlMmMBbb\n"
    "SDeBZSXqG2Yt7yhnqeF3jPhcWV0J9oU7wd0DbwlIKQKBgQDAUUr3AcGKtPC+2fIv\n"
    "cqTLAkF59IRl18J9JQ//9M0NytyKYZbJexg0DwATwuqBJIHkrVASdr4giRvpBZXT\n"
    "ZEOUw8Zos/g94c/32PwclDxNaLyk+Xi6v7fkVhqMZiqIgPWWZL5mBpcPV9PAr+vV\n"
    "wsadgf4ZM+LZrnc2XtKocqBTKQKBgQC+TPiFCVrSamiYRT+nj4dNmvRqfuULs2wD\n"
    "qJUIi+hOWBKP67b2wWK8eKItKSvz26Wqjb6muUSiZ6MQ9k3f3u2LqWgIPlkdJt/D\n"
    "1CSSz981IWW4ZUk4upDHlpufj2ZYIn8OGo7OIkROT2hNfg8sitajYhYpOC5T0TeD\n"
    "HGIE6SIDMwKBgEFx6I7R/CjVli98P1xCKS4kYF++A+gcWkT3/c/eYIFXDWHR/9wk\n"
    "lYHxsNcIt4CnCcTl7Z+65MxxnBvaGLhNIGpZjQVIaSu10m3HW1PmZfb5s2h4tMro\n"
    "Pw3m9zXb9pFpQSmisuBJUdKY0qh5tUmS9L/Y4r102Le3FT5dWlaUW1axAoGAA0LI\n"
    "Y2c0ojRmlG1jWNixxdeo5oZEIH4zlKB35UyYb3c84jB00yefLIGYrdNtyGD0JscF\n"
    "BFBaZ7oE5k6CKRrl0SXW/YUr+77lyLJC6i0bswpedtltdsZjorfm9MX9R/dXXAOC\n"
    "fO/DYeAkdmd5lRbP9L7CiHRI/vCv1dRPravdBFcCgYEAoPzhcKE1VsT4wyjPxNU5\n"
    "Tdrr7NUoCNGvnu8y5JFD9ddc5+W+CwF72hEjYAunZlubGkoq+CK/hagxmQPnE6ET\n"
    "WqKqkSE2rg53YyFVP79KQ+edKeanabyvF0npGTrM0xcWGi2rYOV4e+Hirm3wp9eX\n"
    "tlpT9KZBgl1cLhqMjdwzhe0=\n"
    "-----END PRIVATE KEY-----\n";

/// RSA too, but of no certificate.
inline constexpr const char* kOtherKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCl9JWzdC9mbVnc\n"
    "vCrOBVpb/ztiefGlvfT8gFaS+GxrJMNGHFTeCC/tpgYeehzHWr+u+grp1VKDWme0\n"
    "AwvvXm0/Kli4qBmVu31ml8mEtyIpbrH2B6sf3yEmVqgydJ/6WhdnLX8Fk+fbUKWy\n"
    "HHy50k17Tt0S87oXZbHFbOGCyBK4ASacQrhoQ2P7a8W0/YH2Sj11w1WzlKYATcrj\n"
    "HGixECV+Ge467az2EjxkgVZHB8T+A2Csswv6t9vgEh4eLWe1CdHGSs8Z7rgvPNeh\n"
    "Ho1Zo0REvuvGSjqwqBNplnvD4PgxpAHtMYlZY+aXES+kziZJ+XthSWlT7yca0Rmy\n"
    "fEmFzhEjAgMBAAECgf99DE9anH5OL+Rs71yE4OobzoM9lz7+iwqO0owDMpQY9LQv\n"
    "oCmF8T747Qd8IrqMsCGMaqmbVaKKV3szQrIIX2tYrUMtFEozCS1bBzfrSN/08fQm\n"
    "u9O2Frhj3k6rtjU776ayy3vRa1TJ03sHOqMnYdAAZuxhdRJD9XZ+maYgMm61NooN\n"
    "Kby8GB/m1WoB+J80XETbdYzHAF7RHme+uqXdsDnqH600CYZdrGZNUhCmvm55FsO8\n"
    "i10TQHELGf3MFpbrP6YOUF+VjizUWzxzKkFDdVprTQOOsF+XePn3e3SyjM1g4b83\n"
    "tYQakvXV8jc6zLTO58TZBqBcsplN/BPOKV2Z/BECgYEA5NxS2Le696vA2/RYbRTQ\n"
    "C/0XPq/QdxSwWZDOfQoVe6WCNv4xgaQiF648+GkqerNMbVfaDAxep6uN3yrYKwlJ\n"
    "nPbPbxbeMBqqmsznU9/nF+IjRUCBYIQSNh2W7sKb1MLVHxYARQuckmrLGgriN2PL\n"
    "taOmCY5UdnNfIxQvelxQDzMCgYEAuaKa0ifuZjY+EaTLh09ivQ9lFHHZOJV/848s\n"
    "Wpr8qhuLppzMuIVMsFtVQ8KDmaF7DD9WJXZbcBB+oDrCNeSiH7QPcSJYpdPmKB4i\n"
    "Yeofr0StH+BKNHGIxLFxyQRyhqnAyPZwIJZihBGXGkc426VEfxFixyt+m2rRaBmJ\n"
    "fy+ptlECgYEAuln8y6Kvh0Q/QdrwtcGgtmJbLxwR7yTVg9i5im9PluLp6MWKojl3\n"
    "2ThzRQK9KDQfI1nJns3jtTunxfQpGMHzQvBlb9t7CEhuaqY2JsHGdlgYyCcCMgjY\n"
    "m1/0qm2kXdZXm3xas94Em+SBhK8gDGIiWcDrThSrCdhfuzyQfF32gqkCgYBWo3B0\n"
    "oxRd+fTwESS4izF/IX9Akn4aLZQhHXJK+0jvL5n28fmOKRCIwqfBzzfSbQ5bwfe3\n"
    "1kyIufoPWD0qIAIWn9gRKkGLa6FgmefcIQQWrgvK88hOP6rgehyr//pfpTyHzpS4\n"
    "cNeb4gXOyuzbfn/AemHKqR8W9Dy1xC1rAdjIcQKBgQC00bWlzHBZWAJ/8sf0J2Ny\n"
    "WxrKPjyn7LQQDYjcFDAyjyP2r2c4F3nLHJuYpOLzl9Sdog/I7VkUnB0VVx7kI3H2\n"
    "S6sKNkUw9Huz8ZaXdLL5d9QP3q7DiDlya69JCR8/ja+MGFnRbveCCedaNbYJXlTf\n"
    "6fEzzKC+FW55LRqWv3Pxug==\n"
    "-----END PRIVATE KEY-----\n";

/// P-256.
inline constexpr const char* kEcKey =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIFehH1bw10g4+nwGhJwCKzpWqcd8yYqZ1wP3NuiA3HimoAoGCCqGSM49\n"
    "AwEHoUQDQgAEp5SzrlSnFIicGDldgackr7OqvfkafzOuy1X+zL4Q+/MMyk6aS/7W\n"
    "8yvyenwGt9aCPcr72Abze86nRqO4RuYFdA==\n"
    "-----END EC PRIVATE KEY-----\n";

/// kPrivateKey behind a passphrase.
inline constexpr const char* kEncryptedKey =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIFLTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIFQ3bbIVvSCICAggA\n"
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAECBBA7H4URDMkwAFFCRP5qznAZBIIE\n"
    "0PTnK9ENehSKRRZdyV+yNFC+MQvUIux9eRcBogqcC5qxNZevC1IpkwLOPxUY8wfg\n"
    "Rbs6TgWvzdv/KIxktkKuqcYlZWXAokTrerJU5e1eZBlBy7qzoRS4qeAQFDOaEmyh\n"
    "bGD+rDvFkqPGHNsVvUEmjAqjyShB0Q1QRJc3z+XApPKk8+2lvrYj06/4VoR9cVu7\n"
    "9pj3PQeBlI7TPQZ97Jxkh4dagAV3FdG8wcDIgT6YcdgMdQv2l10q0PVAgcxR/vdI\n"
    "Pwh8epNSjnTkToMUfYHbnr+zuNg+OzbWXRGAOSFDFxoDCOgTr24kkMFsEx1NSkKI\n"
    "+Vhkw1U2bXJh+J+A3rFPURAEGMLI8IGNXjLtr+O2/HTNvX7MGwZTgRU/j7SwIZIK\n"
    "AIHFbnKnEoe05JmBObsG73l6P1RN8pDtx3HUNuYrhsnjknVBz/drTHcmmhs2Wvfn\n"
    "TLVVI+Zy4tg9wMLUZ0/jE6Ceo4LkJZDJTA/pMlYTmxWvXp4SoFhTIFyWtRSKVzYM\n"
    "s1ZuZWtKgUi6tw2StKxRJbr9PzUIKVyDOkG6Kyz0+xZUvjPsCRvUZweowxXt6XG/\n"
    "V9T4H5j+I4qRidOKUj6b1EcPTHrK/BkkLSFsx4UAPX8VUP/bWHokPp58BVIpO3EW\n"
    "dWEdSxM6+i9JqW9wi7QFCCjiyQRoIUPuYfvczdeolidaEc1Xl+OvIiuS1/JDokQ6\n"
    "Wp4LEi4Gf6HjvPPZ9gEs5OnQIWaXbEc00++vKl7Z+4S6yb+D6KZflKrmnWf9wO/C\n"
    "mI+HG9fFHb7RI201H8j3gD3/lj1+eZyV/cJgwiOsLqh0EjaeakfW0CMjzLp1WiGU\n"
    "Dl+pEjaSSdwWseA2Xe8oW4XFKgDu7tl+++Dnt+qnwkdZ60kzKQtWhwykiP0pehse\n"
    "U6QahDxPM+ZOcc2PbfVcSwXWn+X4e7Wi2oqqyqj4EMflXZCzZCpYyANwhJB+HWCB\n"
    "J1fXVYBSVcN747pyKgEJizM77Oe4oBQDoSvRmAsSf7ieQeV14M6yC/vvtFk72TuW\n"
    "KbK2LInwhB/nxdmlQTiIWYsQz7liYjA4u7jqsyjN9NUDmNcwetRwrYyMy/kup8tb\n"
    "37pQw4rUSEINeEoTiUPXXP0aLx3AQiUqO4L/pdKX6rdLLF+AELtQFVlcy8Vk7RxB\n"
    "uvtPR4MinQi0Xduznh3uMEWvBACjhB96UC6SMqVyPb1S2hRImznEjFo8pDMn5oBr\n"
    "6tCypBM+quYp2YQvTqYVstGjRVsWpuh5ooSGgSnvs2cV/P/PQ5oqmSWeTzstOxKV\n"
    "l8opXWDy3eFuTxpXd4bZoJy1VtVL7vQRTFDy9UDsIeCHsrryK4ikvbfrZZg7RvBv\n"
    "UgUr06bX6GtS7PUoqcH6Z3Z5qMUUF2CWDipKvVrJFKwDDZWsc7e/dklfabqdYFrj\n"
    "QkFXpzNox72E4jB8/PJpQRcXzk5OGySKdmjFsf+/vbeItslKxNbwEyE57Kn3GFfy\n"
    "wyVwEwcPPpQAbBFjstdBeLIe/t2W6mep5ZNtNYvMxS4+MmuzztdnyCPcK/0j6Q5z\n"
    "mVuQx3r9ZfeH1qcdOM5hcqqWl5rJ4yVgYuqgPlSAHOB483iuvHsbqNuPhI6TnjNW\n"
    "4KRnZbKJQeAu4O1Lc/ezD9oBDYhAc4qCIHkBvZ6fK9pz\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
// clang-format on

}  // namespace gald::test
