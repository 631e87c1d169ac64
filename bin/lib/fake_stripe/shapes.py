"""The objects as Stripe shows them, with every key: fields that the fake has no use for are null.

The keys are those of the fixtures in Stripe's OpenAPI project; see docs/stripe.md.
"""

from typing import Any

from bin.lib.fake_stripe.world import Obj


def _nulls(names: str) -> Obj:
    return dict.fromkeys(names.split())


def no_address() -> Obj:
    return _nulls("city country line1 line2 postal_code state")


def customer(**own: Any) -> Obj:
    return {
        "object": "customer",
        **_nulls(
            "currency default_source description discount email name phone shipping test_clock"
        ),
        "address": no_address(),
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": "FAKE0001",
        "invoice_settings": _nulls("custom_fields default_payment_method footer rendering_options"),
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
        **own,
    }


def billing_details(**own: Any) -> Obj:
    return {"address": no_address(), **_nulls("email name phone tax_id"), **own}


def payment_method(**own: Any) -> Obj:
    return {
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        **own,
    }


def card(brand: str, last4: str, fingerprint: str) -> Obj:
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "US",
        "display_brand": brand,
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": fingerprint,
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": None,
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def payment_intent(**own: Any) -> Obj:
    return {
        "object": "payment_intent",
        **_nulls(
            "application application_fee_amount canceled_at cancellation_reason customer "
            "customer_account description excluded_payment_method_types last_payment_error "
            "latest_charge managed_payments next_action on_behalf_of payment_method "
            "payment_method_configuration_details processing receipt_email review "
            "setup_future_usage shipping source statement_descriptor "
            "statement_descriptor_suffix transfer_data transfer_group automatic_payment_methods"
        ),
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "livemode": False,
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        **own,
    }


def charge(**own: Any) -> Obj:
    return {
        "object": "charge",
        **_nulls(
            "application application_fee application_fee_amount balance_transaction customer "
            "description failure_balance_transaction failure_code failure_message on_behalf_of "
            "receipt_email receipt_number receipt_url review shipping source source_transfer "
            "statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
        ),
        "amount_captured": 0,
        "amount_refunded": 0,
        "billing_details": billing_details(),
        "calculated_statement_descriptor": "NERUBA",
        "captured": False,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "refunded": False,
        **own,
    }


def outcome(kind: str, status: str, decline: str | None, seller_message: str) -> Obj:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": status,
        "reason": decline,
        "risk_level": "normal",
        "seller_message": seller_message,
        "type": kind,
    }


def card_details(of: Obj, amount: int) -> Obj:
    """`payment_method_details` of a charge by card."""
    shared = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint")
    return {
        "type": "card",
        "card": {
            **{name: of[name] for name in (*shared, "funding", "last4", "regulated_status")},
            "amount_authorized": amount,
            "authorization_code": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": of["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "three_d_secure": None,
            "transaction_link_id": None,
            "wallet": None,
        },
    }


def refund(**own: Any) -> Obj:
    return {
        "object": "refund",
        **_nulls(
            "balance_transaction customer customer_account payment_method reason receipt_number "
            "source_transfer_reversal transfer_reversal"
        ),
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "status": "succeeded",
        **own,
    }


def dispute(**own: Any) -> Obj:
    return {
        "object": "dispute",
        "balance_transactions": [],
        "enhanced_eligibility_types": [],
        "evidence": {
            **_nulls(
                "access_activity_log billing_address cancellation_policy "
                "cancellation_policy_disclosure cancellation_rebuttal customer_communication "
                "customer_email_address customer_name customer_purchase_ip customer_signature "
                "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id "
                "product_description receipt refund_policy refund_policy_disclosure "
                "refund_refusal_explanation service_date service_documentation shipping_address "
                "shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
                "uncategorized_file uncategorized_text"
            ),
            "enhanced_evidence": {},
        },
        "livemode": False,
        "metadata": {},
        **own,
    }


def balance_transaction(**own: Any) -> Obj:
    return {
        "object": "balance_transaction",
        "balance_type": "payments",
        "description": None,
        "exchange_rate": None,
        "status": "available",
        **own,
    }


def payout(**own: Any) -> Obj:
    return {
        "object": "payout",
        **_nulls(
            "application_fee application_fee_amount description failure_balance_transaction "
            "failure_code failure_message original_payout payout_method reversed_by "
            "statement_descriptor trace_id"
        ),
        "destination": "ba_fake",
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "source_type": "card",
        "status": "pending",
        "type": "bank_account",
        **own,
    }


def session(**own: Any) -> Obj:
    return {
        "object": "checkout.session",
        **_nulls(
            "after_expiration allow_promotion_codes billing_address_collection cancel_url "
            "client_reference_id client_secret collected_information consent consent_collection "
            "currency_conversion customer customer_account customer_creation customer_details "
            "customer_email discounts integration_identifier invoice locale managed_payments "
            "origin_context payment_intent payment_link payment_method_configuration_details "
            "permissions recovered_from saved_payment_method_options setup_intent "
            "shipping_address_collection shipping_cost submit_type subscription wallet_options"
        ),
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": _nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "invoice_creation": {
            "enabled": False,
            "invoice_data": {
                **_nulls("account_tax_ids custom_fields description footer issuer"),
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        **own,
    }
