#include "enclave/libos/seal/seal.h"

#include <linux/errno.h>

#include "enclave/libos/seal/aes_gcm.h"
#include "enclave/libos/seal/hmac.h"
#include "enclave/libos/wipe.h"

#define VERSION     1
#define SIGNED_SIZE 72 /* of the head: all but the tag */
#define KEY_ID_SIZE 32
#define SEALED_FLAGS                                                                               \
    (SGX_INIT | SGX_DEBUG | SGX_MODE64 | SGX_PROVISION_KEY | SGX_TOKEN_KEY | SGX_KSS)

/* The head of sealed data, as it lies in memory. */
struct head {
    uint8_t magic[8];
    uint16_t version;
    uint16_t policy;
    uint16_t isv_svn;
    uint16_t config_svn;
    uint8_t cpu_svn[16];
    uint8_t key_id[KEY_ID_SIZE];
    uint64_t size;
    uint8_t tag[AES_GCM_TAG_SIZE];
};
static_assert(sizeof(struct head) == SEAL_HEAD_SIZE, "no padding");
static_assert(offsetof(struct head, tag) == SIGNED_SIZE, "the tag is the last");

static const uint8_t magic[8] = {'C', 'A', 'I', 'S', 'S', 'E', 'A', 'L'};
static const char key_context[] = "caisson sealed data 1";
static const char program_context[] = "caisson program key 1";
static_assert(sizeof key_context == sizeof program_context, "one size");
static const uint8_t zero_iv[AES_GCM_IV_SIZE];

/* The text says what the key is for. */
static int derive(const struct seal_processor *processor, const struct head *head,
                  const char *context, uint8_t out[AES_GCM_KEY_SIZE])
{
    struct sgx_keyrequest request = {.name = SGX_KEY_SEAL,
                                     .policy = head->policy,
                                     .isv_svn = head->isv_svn,
                                     .config_svn = head->config_svn,
                                     .attribute_mask = {.flags = SEALED_FLAGS}};
    uint8_t key[SGX_KEY_SIZE] __attribute__((aligned(16))) = {0};
    const struct span parts[] = {span_of(context, sizeof key_context - 1),
                                 span_of(head->key_id, sizeof head->key_id)};
    memcpy(request.cpu_svn, head->cpu_svn, sizeof request.cpu_svn);
    memcpy(request.key_id, head->key_id, sizeof request.key_id);
    uint32_t status = processor->key(processor->arg, &request, key);
    if (status == 0)
        hmac_by_key(key, parts, sizeof parts / sizeof *parts, out);
    libos_wipe(key, sizeof key);
    return status == 0 ? 0 : -EACCES;
}

/* What is authenticated beside the data: the head without its tag, then the label. */
static struct span bind(const struct head *head, struct span label,
                        uint8_t out[SIGNED_SIZE + SEAL_LABEL_MAX])
{
    memcpy(out, head, SIGNED_SIZE);
    if (label.size > 0)
        memcpy(out + SIGNED_SIZE, label.data, label.size);
    return span_of(out, SIGNED_SIZE + label.size);
}

static bool is_known(enum seal_to to)
{
    return to == SEAL_TO_ENCLAVE || to == SEAL_TO_SIGNER;
}

int seal_make(const struct seal_processor *processor, enum seal_to to, struct span label,
              struct span plain, uint8_t *out)
{
    uint8_t key[AES_GCM_KEY_SIZE];
    uint8_t bound[SIGNED_SIZE + SEAL_LABEL_MAX];
    struct head head = {.version = VERSION,
                        .policy = (uint16_t)to,
                        .isv_svn = processor->isv_svn,
                        .config_svn = processor->config_svn,
                        .size = plain.size};
    if (!is_known(to) || label.size > SEAL_LABEL_MAX || plain.size > SEAL_PLAIN_MAX)
        return -EINVAL;
    memcpy(head.magic, magic, sizeof magic);
    memcpy(head.cpu_svn, processor->cpu_svn, sizeof head.cpu_svn);
    int outcome = processor->random(processor->arg, head.key_id, sizeof head.key_id);
    if (outcome == 0)
        outcome = derive(processor, &head, key_context, key);
    if (outcome < 0)
        return outcome;
    (void)aes_gcm_seal(key, zero_iv, bind(&head, label, bound), plain, out + SEAL_HEAD_SIZE,
                       head.tag);
    libos_wipe(key, sizeof key);
    memcpy(out, &head, sizeof head);
    return 0;
}

int seal_open(const struct seal_processor *processor, enum seal_to to, struct span label,
              struct span sealed, uint8_t *out)
{
    uint8_t key[AES_GCM_KEY_SIZE];
    uint8_t bound[SIGNED_SIZE + SEAL_LABEL_MAX];
    struct head head;
    if (!is_known(to) || label.size > SEAL_LABEL_MAX || sealed.size < SEAL_HEAD_SIZE)
        return -EINVAL;
    memcpy(&head, sealed.data, sizeof head);
    struct span cipher = span_of(sealed.data + SEAL_HEAD_SIZE, sealed.size - SEAL_HEAD_SIZE);
    if (memcmp(head.magic, magic, sizeof magic) != 0 || head.version != VERSION ||
        head.policy != to || head.size != cipher.size || head.size > SEAL_PLAIN_MAX)
        return -EINVAL;
    int outcome = derive(processor, &head, key_context, key);
    if (outcome < 0)
        return outcome;
    bool good = aes_gcm_open(key, zero_iv, bind(&head, label, bound), cipher, head.tag, out);
    libos_wipe(key, sizeof key);
    return good ? 0 : -EBADMSG;
}

int seal_program_key(const struct seal_processor *processor, enum seal_to to,
                     uint8_t out[SEAL_PROGRAM_KEY_SIZE])
{
    uint8_t key[AES_GCM_KEY_SIZE];
    struct head head = {
        .policy = (uint16_t)to, .isv_svn = processor->isv_svn, .config_svn = processor->config_svn};
    if (!is_known(to))
        return -EINVAL;
    memcpy(head.cpu_svn, processor->cpu_svn, sizeof head.cpu_svn);
    int outcome = derive(processor, &head, program_context, key);
    if (outcome == 0)
        memcpy(out, key, SEAL_PROGRAM_KEY_SIZE);
    libos_wipe(key, sizeof key);
    return outcome;
}
