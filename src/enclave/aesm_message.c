#include "enclave/aesm_message.h"

#include "base/cursor.h"

/* Wire types of protocol buffers, the low three bits of a key. */
#define VARINT     0
#define BYTES      2
#define TYPE_BITS  3
#define VARINT_MAX 10 /* bytes */

/* Members of requests; `timeout` has the same number in all. */
#define KEY_ID          1 /* of InitQuoteEx and GetQuoteSizeEx */
#define INIT_WANTS_ID   3
#define INIT_ID_SIZE    4
#define QUOTE_REPORT    1
#define QUOTE_KEY_ID    2
#define QUOTE_SIZE      4
#define REQUEST_TIMEOUT 9

#define STATUS      1 /* of all answers */
#define INIT_TARGET 2
#define MEMBER_MAX  4

/* sgx_ql_att_key_id_t (Intel's DCAP, sgx_quote_3.h; packed) in the 256 bytes of sgx_att_key_id_t:
 * u16 id, version and size of MRSIGNER, MRSIGNER in 48 bytes, u32 product, extended product,
 * configuration and family, u32 algorithm at 154. */
#define KEY_ID_SIZE      256
#define KEY_ID_ALGORITHM 154
#define ALGORITHM_ECDSA  2 /* SGX_QL_ALG_ECDSA_P256 */
#define PUBLIC_ID_SIZE   32
#define REQUEST_SIZE_MAX 1024
static const uint8_t key_id[KEY_ID_SIZE] = {
    0,    0,    0,    0,    32,   0,    0x8c, 0x4f, 0x57,     0x75,
    0xd7, 0x96, 0x50, 0x3e, 0x96, 0x13, 0x7f, 0x77, 0xc6,     0x8a,
    0x82, 0x9a, 0x00, 0x56, 0xac, 0x8d, 0xed, 0x70, 0x14,     0x0b,
    0x08, 0x1b, 0x09, 0x44, 0x90, 0xc5, 0x7b, 0xff, [54] = 1, [KEY_ID_ALGORITHM] = ALGORITHM_ECDSA,
};

static int put_varint(struct buf *out, uint64_t value, struct error *err)
{
    for (; value > 0x7F; value >>= 7) {
        if (buf_append_byte(out, (uint8_t)(value & 0x7F) | 0x80, err) < 0)
            return -1;
    }
    return buf_append_byte(out, (uint8_t)value, err);
}

static int put_number(struct buf *out, unsigned member, uint64_t value, struct error *err)
{
    return put_varint(out, member << TYPE_BITS | VARINT, err) < 0 ? -1
                                                                  : put_varint(out, value, err);
}

static int put_bytes(struct buf *out, unsigned member, struct span bytes, struct error *err)
{
    if (put_varint(out, member << TYPE_BITS | BYTES, err) < 0 ||
        put_varint(out, bytes.size, err) < 0)
        return -1;
    return buf_append(out, bytes, err);
}

int aesm_write_init(uint32_t timeout_us, struct buf *out, struct error *err)
{
    BUF_AUTO request = BUF_WITH_LIMIT(REQUEST_SIZE_MAX);
    if (put_bytes(&request, KEY_ID, span_of(key_id, sizeof key_id), err) < 0 ||
        put_number(&request, INIT_WANTS_ID, 1, err) < 0 ||
        put_number(&request, INIT_ID_SIZE, PUBLIC_ID_SIZE, err) < 0 ||
        put_number(&request, REQUEST_TIMEOUT, timeout_us, err) < 0)
        return -1;
    return put_bytes(out, AESM_INIT_QUOTE, buf_span(&request), err);
}

int aesm_write_size(uint32_t timeout_us, struct buf *out, struct error *err)
{
    BUF_AUTO request = BUF_WITH_LIMIT(REQUEST_SIZE_MAX);
    if (put_bytes(&request, KEY_ID, span_of(key_id, sizeof key_id), err) < 0 ||
        put_number(&request, REQUEST_TIMEOUT, timeout_us, err) < 0)
        return -1;
    return put_bytes(out, AESM_QUOTE_SIZE, buf_span(&request), err);
}

int aesm_write_quote(const struct sgx_report *report, uint32_t size, uint32_t timeout_us,
                     struct buf *out, struct error *err)
{
    BUF_AUTO request = BUF_WITH_LIMIT(REQUEST_SIZE_MAX);
    if (put_bytes(&request, QUOTE_REPORT, span_of(report, SGX_REPORT_SIZE), err) < 0 ||
        put_bytes(&request, QUOTE_KEY_ID, span_of(key_id, sizeof key_id), err) < 0 ||
        put_number(&request, QUOTE_SIZE, size, err) < 0 ||
        put_number(&request, REQUEST_TIMEOUT, timeout_us, err) < 0)
        return -1;
    return put_bytes(out, AESM_QUOTE, buf_span(&request), err);
}

static bool read_varint(struct cursor *cursor, uint64_t *out)
{
    uint8_t byte = 0;
    *out = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        if (!cursor_u8(cursor, &byte) || (i == VARINT_MAX - 1 && byte > 1))
            return false;
        *out |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* One member of an answer: number and value, as a number or as bytes. */
struct member {
    uint64_t number;
    bool is_bytes;
    uint64_t value;
    struct span bytes;
};

static bool read_member(struct cursor *cursor, struct member *member)
{
    uint64_t key;
    *member = (struct member){0};
    if (!read_varint(cursor, &key))
        return false;
    member->number = key >> TYPE_BITS;
    member->is_bytes = (key & 7) == BYTES;
    if (!member->is_bytes && (key & 7) != VARINT)
        return false;
    if (!read_varint(cursor, &member->value))
        return false;
    return !member->is_bytes || (member->value <= cursor->rest.size &&
                                 cursor_read(cursor, (size_t)member->value, &member->bytes));
}

static int refuse(struct error *err, const char *what)
{
    return error_set(err, ERROR_PROTOCOL, "aesmd's answer: %s", what);
}

/* A member of the answer within; what they are called differs by kind, their places do not:
 * 1 is the status, 2 the target, the size or the quote, 3 and 4 what is not wanted here (the size
 * and bytes of the key's id, the quoting enclave's report). */
static bool take_member(const struct member *member, enum aesm_kind kind,
                        struct aesm_answer *answer)
{
    if (member->number == STATUS) {
        answer->status = (uint32_t)member->value;
        return !member->is_bytes && member->value <= UINT32_MAX;
    }
    if (member->number != INIT_TARGET) /* the rest, in the one form that each has */
        return kind == AESM_INIT_QUOTE
                   ? member->is_bytes == (member->number == MEMBER_MAX)
                   : kind == AESM_QUOTE && member->number == 3 && member->is_bytes;
    if (member->is_bytes == (kind == AESM_QUOTE_SIZE))
        return false;
    if (kind == AESM_INIT_QUOTE)
        answer->target = member->bytes;
    else if (kind == AESM_QUOTE)
        answer->quote = member->bytes;
    else
        answer->size = (uint32_t)member->value;
    return member->is_bytes || member->value <= UINT32_MAX;
}

static int read_members(struct span body, enum aesm_kind kind, struct aesm_answer *answer,
                        struct error *err)
{
    struct cursor cursor = cursor_of(body);
    unsigned seen = 0;
    while (cursor.rest.size > 0) {
        struct member member;
        if (!read_member(&cursor, &member))
            return refuse(err, "a member is cut short, or of a kind that none has");
        if (member.number == 0 || member.number > MEMBER_MAX || (seen & 1U << member.number))
            return refuse(err, "a member is unknown, or there twice");
        seen |= 1U << member.number;
        if (!take_member(&member, kind, answer))
            return refuse(err, "a member has another form than it should");
    }
    if (!(seen & 1U << STATUS))
        return refuse(err, "it has no status");
    if (answer->status == 0 && !(seen & 1U << INIT_TARGET))
        return refuse(err, "it tells of success and has nothing of what was asked for");
    return 0;
}

int aesm_read_answer(struct span message, enum aesm_kind kind, struct aesm_answer *answer,
                     struct error *err)
{
    struct cursor cursor = cursor_of(message);
    struct member outer;
    *answer = (struct aesm_answer){0};
    if (!read_member(&cursor, &outer) || !outer.is_bytes)
        return refuse(err, "it is no message");
    if (outer.number != kind)
        return error_set(err, ERROR_PROTOCOL, "aesmd's answer: it answers request %llu, not %d",
                         (unsigned long long)outer.number, (int)kind);
    if (!cursor_at_end(&cursor))
        return refuse(err, "something follows it");
    if (read_members(outer.bytes, kind, answer, err) < 0)
        return -1;
    if (answer->status == 0 && kind == AESM_INIT_QUOTE &&
        answer->target.size != sizeof(struct sgx_targetinfo))
        return error_set(err, ERROR_PROTOCOL, "aesmd's answer: a TARGETINFO of %zu bytes, not %zu",
                         answer->target.size, sizeof(struct sgx_targetinfo));
    return 0;
}

const char *aesm_status_text(uint32_t status)
{
    static const struct {
        uint32_t status;
        const char *text;
    } known[] = {
        {3, "a parameter is wrong: this aesmd may be of another version"},
        {12, "no network: it must reach the service that has the platform's certificates"},
        {13, "the service that has the platform's certificates is busy; ask again"},
        {18, "it is busy; ask again"},
        {24, "it finds no SGX device: may it open /dev/sgx_enclave and /dev/sgx_provision?"},
        {29, "no enclave memory is left; ask again"},
        {30, "the quoting service is not there: install the package of aesmd's ECDSA quoting"},
        {38, "it does not know the ECDSA key of Intel's quoting enclave"},
        {39, "it cannot load its enclaves as it is configured"},
        {40, "the quoting library is not there: install libsgx-dcap-ql"},
        {41, "the platform library is not there: install libsgx-dcap-default-qpl"},
        {AESM_KEY_NOT_INITIALIZED, "it has no attestation key yet"},
        {43, "the certificate of the attestation key is not valid any more"},
        {44, "the platform has no PCK certificate: look at its /etc/sgx_default_qcnl.conf"},
        {46, "its enclave was lost, as after a suspend; ask again"},
        {47, "the report was not made on this machine for its quoting enclave; make it anew"},
        {48, "it cannot load the quoting enclave: may it open /dev/sgx_provision?"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].status == status)
            return known[i].text;
    }
    return "see aesm_error.h and its log";
}
