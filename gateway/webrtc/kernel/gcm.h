/* AES-GCM by OpenSSL, one packet at a time. Part of _send.c, which alone includes it, through stream.h.

   The functions are called as the provider offers them (provider-cipher(7), the same since OpenSSL 3.0). By way of EVP
   every packet would take 1000 instructions more, a fifth of all: EVP asks the cipher by name for the length of its
   nonce each time it is given one. */

#pragma once

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TAG_SIZE = 16, NONCE_SIZE = 12 };

struct gcm_functions {
    OSSL_FUNC_cipher_newctx_fn *make;
    OSSL_FUNC_cipher_freectx_fn *release;
    OSSL_FUNC_cipher_encrypt_init_fn *init;
    OSSL_FUNC_cipher_update_fn *update;
    OSSL_FUNC_cipher_final_fn *final;
    OSSL_FUNC_cipher_get_ctx_params_fn *get;
    void *provider_context;
};

/* For keys of 16 and of 32 bytes; set when the module is loaded, and never again. */
static struct gcm_functions gcm_128, gcm_256;

/* The state of one key. To be used by one thread at a time. */
struct gcm {
    const struct gcm_functions *functions;
    void *state;
};

static bool gcm_read(const OSSL_DISPATCH *offered, struct gcm_functions *functions)
{
    for (; offered->function_id != 0; offered++) {
        switch (offered->function_id) {
        case OSSL_FUNC_CIPHER_NEWCTX: functions->make = OSSL_FUNC_cipher_newctx(offered); break;
        case OSSL_FUNC_CIPHER_FREECTX: functions->release = OSSL_FUNC_cipher_freectx(offered); break;
        case OSSL_FUNC_CIPHER_ENCRYPT_INIT: functions->init = OSSL_FUNC_cipher_encrypt_init(offered); break;
        case OSSL_FUNC_CIPHER_UPDATE: functions->update = OSSL_FUNC_cipher_update(offered); break;
        case OSSL_FUNC_CIPHER_FINAL: functions->final = OSSL_FUNC_cipher_final(offered); break;
        case OSSL_FUNC_CIPHER_GET_CTX_PARAMS: functions->get = OSSL_FUNC_cipher_get_ctx_params(offered); break;
        }
    }
    return functions->make && functions->release && functions->init && functions->update && functions->final &&
           functions->get;
}

/* Whether `names`, separated by colons, has `name` first. */
static bool gcm_is_called(const char *names, const char *name)
{
    size_t length = strlen(name);
    return strncmp(names, name, length) == 0 && (names[length] == ':' || names[length] == '\0');
}

/* Find the functions of a cipher. False: OpenSSL has none of that name, or not all that it takes. */
static bool gcm_find(const char *name, struct gcm_functions *functions)
{
    int must_ask_again;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL); /* never freed: it keeps the provider */
    const OSSL_PROVIDER *provider = cipher == NULL ? NULL : EVP_CIPHER_get0_provider(cipher);
    const OSSL_ALGORITHM *offered =
        provider == NULL ? NULL : OSSL_PROVIDER_query_operation(provider, OSSL_OP_CIPHER, &must_ask_again);
    for (; offered != NULL && offered->algorithm_names != NULL; offered++) {
        if (gcm_is_called(offered->algorithm_names, name)) {
            functions->provider_context = OSSL_PROVIDER_get0_provider_ctx(provider);
            return gcm_read(offered->implementation, functions);
        }
    }
    return false;
}

static bool gcm_load(void)
{
    return gcm_find("AES-128-GCM", &gcm_128) && gcm_find("AES-256-GCM", &gcm_256);
}

/* A key of 16 or 32 bytes. False: OpenSSL refuses. `gcm_free` in either case. */
static bool gcm_make(struct gcm *gcm, const uint8_t *key, size_t size)
{
    gcm->functions = size == 16 ? &gcm_128 : &gcm_256;
    gcm->state = gcm->functions->make(gcm->functions->provider_context);
    return gcm->state != NULL && gcm->functions->init(gcm->state, key, size, NULL, 0, NULL) == 1;
}

static void gcm_free(struct gcm *gcm)
{
    if (gcm->state != NULL)
        gcm->functions->release(gcm->state);
    gcm->state = NULL;
}

/* Encrypt `size` bytes at `plain` to `out`, followed by the tag. False: OpenSSL refuses. */
static bool gcm_seal(const struct gcm *gcm, const uint8_t *nonce, const uint8_t *header, size_t header_size,
                     const uint8_t *plain, size_t size, uint8_t *out)
{
    const struct gcm_functions *call = gcm->functions;
    size_t written;
    OSSL_PARAM tag[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, out + size, TAG_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return call->init(gcm->state, NULL, 0, nonce, NONCE_SIZE, NULL) == 1 &&
           call->update(gcm->state, NULL, &written, header_size, header, header_size) == 1 &&
           call->update(gcm->state, out, &written, size, plain, size) == 1 &&
           call->final(gcm->state, out + size, &written, TAG_SIZE) == 1 && call->get(gcm->state, tag) == 1;
}
