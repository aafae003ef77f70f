"""How Slack says no: a word beside `ok: false`, with the status 200. What each means to us is this table.

Source: https://docs.slack.dev/reference/methods/chat.postMessage (57 words), and the pages of the other methods
that we call; read 2026-11-23. A word that is not here leaves open what happened: we look.
"""

from collections.abc import Mapping
from dataclasses import replace

from socialcore import failures
from socialcore.adapters.contract import Json
from socialcore.adapters.http import Missing, Refusals

NAME = "Slack"
AGAIN = "Connect the workspace again."
_Meaning = Mapping[str, type[failures.PlatformFailure]]

# A sign-in that only signing in again replaces, or that may not do what we need.
RECONNECT: _Meaning = dict.fromkeys(
    (
        "access_denied",
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_revoked",
        "two_factor_setup_required",
    ),
    failures.ReconnectNeeded,
)
# The channel refuses; somebody has to open it, or choose another.
DESTINATION: _Meaning = dict.fromkeys(
    (
        "accesslimited",
        "cannot_reply_to_message",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "is_archived",
        "messages_tab_disabled",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "storage_limit_reached",
        "team_not_found",
    ),
    failures.ContentRejected,
)
# The message, or how we ask, is not as Slack wants it. Sending it again changes nothing.
CONTENT: _Meaning = dict.fromkeys(
    (
        "as_user_not_supported",
        "attachment_payload_limit_exceeded",
        "cant_delete_message",
        "cant_update_message",
        "edit_window_closed",
        "update_failed",
        "deprecated_endpoint",
        "file_type_not_allowed",
        "file_upload_size_restricted",
        "file_uploads_disabled",
        "invalid_arg_name",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_charset",
        "invalid_form_data",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "invalid_post_type",
        "markdown_text_conflict",
        "metadata_must_be_sent_from_app",
        "metadata_too_large",
        "method_deprecated",
        "missing_file_data",
        "missing_post_type",
        "msg_blocks_too_long",
        "msg_too_long",  # listed for chat.update only
        "no_text",
        "too_many_attachments",
        "too_many_contact_cards",
        "unknown_method",
    ),
    failures.ContentRejected,
)
# Turned away at the door: nothing was done.
LATER: _Meaning = dict.fromkeys(("request_timeout", "service_unavailable", "team_added_to_org"), failures.Unavailable)
LIMITED = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited"})
# "It's possible some aspect of the operation succeeded before the error was raised."
DOUBTFUL = ("fatal_error", "internal_error")

SAYS: Mapping[str, str] = {
    "access_denied": f"{NAME} refuses this sign-in. {AGAIN}",
    "account_inactive": f"The workspace, or the app's user in it, was deactivated. {AGAIN}",
    "invalid_auth": f"{NAME} does not know this sign-in any more. {AGAIN}",
    "no_permission": f"{NAME} says that the app may not do this in the workspace. {AGAIN}",
    "not_allowed_token_type": f"{NAME} does not take this kind of sign-in. {AGAIN}",
    "not_authed": f"{NAME} does not know this sign-in any more. {AGAIN}",
    "org_login_required": f"The workspace is being moved into an organisation at {NAME}. Connect it again afterwards.",
    "team_access_not_granted": f"The app is not allowed in this workspace. An admin there can allow it. {AGAIN}",
    "token_revoked": f"The app was removed from the workspace, or its sign-in was taken back. {AGAIN}",
    "two_factor_setup_required": "The workspace asks for two-factor sign-in. Set it up there, then connect again.",
    "token_expired": f"{NAME}'s sign-in has expired.",
    "accesslimited": f"{NAME} lets nobody in at the moment: the workspace is limited. An admin there can tell why.",
    "cannot_reply_to_message": f"{NAME} takes no reply to the first message of this thread; it may be gone.",
    "channel_not_found": f"{NAME} knows no such channel, or the app is not in it. Invite the app, or choose another.",
    "ekm_access_denied": f"{NAME} says that the workspace's admins have suspended posting.",
    "enterprise_is_restricted": f"{NAME} says that the organisation restricts posting.",
    "is_archived": f"{NAME} says that the channel is archived. Unarchive it there, or choose another channel.",
    "messages_tab_disabled": f"{NAME} says that messages to the app are turned off.",
    "not_in_channel": f"{NAME} says that the app is not in the channel. Type /invite and its name there, then retry.",
    "restricted_action": f"{NAME} says that the workspace does not let the app post in this channel.",
    "restricted_action_non_threadable_channel": f"{NAME} says that this channel takes no threads.",
    "restricted_action_read_only_channel": f"{NAME} says that this channel is read-only for the app.",
    "restricted_action_thread_locked": f"{NAME} says that this thread is locked.",
    "restricted_action_thread_only_channel": f"{NAME} says that this channel takes replies only.",
    "file_type_not_allowed": f"{NAME} says that the workspace takes no files of this kind. Leave the picture out.",
    "file_upload_size_restricted": f"{NAME} says that the workspace takes no files so large. Use a smaller picture.",
    "file_uploads_disabled": f"{NAME} says that the workspace takes no files. Leave the pictures out.",
    "storage_limit_reached": f"{NAME} says that the workspace has no room for files left.",
    "team_not_found": f"{NAME} knows no such workspace.",
    "msg_too_long": f"{NAME} says that the text is too long. Shorten it.",
    "msg_blocks_too_long": f"{NAME} says that text and pictures together are too long. Shorten the text.",
    "no_text": f"{NAME} says that there is nothing to read. Write something first.",
    "cant_update_message": f"{NAME} does not let the app change this message.",
    "edit_window_closed": f"{NAME} says that the workspace lets messages be changed only for some time, which is over.",
    "request_timeout": f"{NAME} did not get the whole request. Nothing was sent.",
    "service_unavailable": f"{NAME} is not available at the moment. Nothing was sent.",
    "team_added_to_org": f"The workspace is being moved into an organisation at {NAME}. Nothing was sent.",
    "fatal_error": f"{NAME} had trouble of its own.",
    "internal_error": f"{NAME} had trouble of its own.",
}


def _code(reply: Json) -> str | None:
    """Find the word; none if all is well. An answer that says neither is none that we understand."""
    if reply.get("ok") is True:
        return None
    error = reply.get("error")
    return error if isinstance(error, str) else ""


def _words(reply: Json) -> object:
    """What Slack explains besides: which permission is missing, or what is wrong with which block."""
    match reply:
        case {"error": "missing_scope", "needed": str(needed)}:
            return f"the permission {needed} is missing. {AGAIN}"
        case {"response_metadata": {"messages": [str(message), *_]}}:
            return message.removeprefix("[ERROR] ")
        case _:
            return None


# Any call that may be made twice.
REFUSALS = Refusals(
    _code,
    {
        **RECONNECT,
        **DESTINATION,
        **CONTENT,
        **LATER,
        **dict.fromkeys(DOUBTFUL, failures.Unavailable),
        "token_expired": failures.CredentialExpired,
    },
    SAYS,
    words=_words,
    limited=LIMITED,
    whose="connection",  # a message a second is counted per channel
)
WRITE = replace(REFUSALS, meaning={**REFUSALS.meaning, **dict.fromkeys(DOUBTFUL, failures.OutcomeUnknown)})
LOOK = replace(
    REFUSALS, meaning={**REFUSALS.meaning, **dict.fromkeys(("message_not_found", "thread_not_found"), Missing)}
)
UPDATE = replace(LOOK, meaning={**LOOK.meaning, **dict.fromkeys(DOUBTFUL, failures.OutcomeUnknown)})
NOT_THERE = f"{NAME} does not have this message any more."
_MISREGISTERED = (
    f"{NAME} does not accept this installation's registration. Whoever runs it has to correct COMPOSER_SLACK_CLIENT_ID "
    "and COMPOSER_SLACK_CLIENT_SECRET."
)
# Where a sign-in begins or is renewed, no older one can have expired.
SIGN_IN = replace(
    REFUSALS,
    meaning={
        **REFUSALS.meaning,
        **dict.fromkeys(("token_expired", "invalid_code", "code_already_used"), failures.ReconnectNeeded),
        **dict.fromkeys(("invalid_refresh_token", "invalid_grant", "invalid_grant_type"), failures.ReconnectNeeded),
        **dict.fromkeys(("invalid_client_id", "bad_client_secret"), failures.Unavailable),
        "bad_redirect_uri": failures.ContentRejected,
    },
    says={
        **SAYS,
        **dict.fromkeys(
            ("invalid_code", "code_already_used"),
            f"{NAME} does not accept this sign-in: it took longer than ten minutes, or was used before. Start again.",
        ),
        **dict.fromkeys(
            ("invalid_refresh_token", "invalid_grant", "token_expired"), f"{NAME} has ended this sign-in. {AGAIN}"
        ),
        **dict.fromkeys(("invalid_client_id", "bad_client_secret"), _MISREGISTERED),
        "bad_redirect_uri": f"{NAME} does not know the address of this installation. Whoever registered the app at "
        f"{NAME} has to add it to the redirect URLs.",
    },
    unauthorized=failures.ReconnectNeeded,
    whose="grant",
)
